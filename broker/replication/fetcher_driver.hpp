#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "broker/peer/peer_connection.hpp"
#include "broker/replication/follower_fetch.hpp"
#include "broker/server/io_thread.hpp"

namespace sluice::broker::replication {

/// A FollowerFetch and its connection: the next request leaves as soon as the last answer was taken, straight from the
/// buffer that it was received in; what was synced meanwhile is told right behind it, on the same connection.
///
/// Closes the connection when nothing is left to fetch. While the leader can't be reached it tries again at growing
/// intervals; the metadata takes the partitions away once somebody else leads them.
///
/// Threading: all of it on its io thread. Kept in a shared_ptr.
class FetcherDriver : public std::enable_shared_from_this<FetcherDriver> {
 public:
  struct Options {
    FollowerFetch::Options fetch{};
    std::string client_id{};
    std::chrono::milliseconds response_timeout{30000};  ///< replica.socket.timeout.ms, beyond the leader's wait
    std::chrono::milliseconds retry_first{20};          ///< after a failure; doubles
    std::chrono::milliseconds retry_max{1000};          ///< replica.fetch.backoff.ms
    std::function<void(BrokerId leader)> on_lost{};     ///< the connection to it has ended, or nobody listens there
  };
  /// `broker_epoch` outlives it; below 0: not registered, and nothing is asked.
  FetcherDriver(IoThread& thread, BrokerId leader, const Options& options,
                const std::atomic<std::int64_t>& broker_epoch);
  ~FetcherDriver();
  FetcherDriver(const FetcherDriver&) = delete;
  FetcherDriver& operator=(const FetcherDriver&) = delete;

  // After any number of these, `go_on`.
  void add(std::shared_ptr<Partition> partition) { fetch_.add(std::move(partition)); }
  void remove(const PartitionKey& key) { fetch_.remove(key); }
  void note_synced(const PartitionKey& key) { fetch_.note_synced(key); }
  /// Where the leader is; nullopt: nobody knows. Another one than before: the old connection is closed.
  void set_address(const std::optional<peer::PeerAddress>& address);
  void go_on();
  /// This broker was registered anew: to the leader that is another life, which has told it nothing yet.
  void begin_anew() { disconnect(); }

  void close();  ///< for good; no partition is touched after it
  bool is_idle() const noexcept { return fetch_.size() == 0 && !connection_; }
  const FollowerFetch& fetch() const noexcept { return fetch_; }

 private:
  using Clock = std::chrono::steady_clock;

  void connect();
  void disconnect();
  void send(const protocol::FetchRequest& request);
  void on_answer(const Result<protocol::FetchResponse>& answer);
  void back_off();
  void tell_progress();
  void wake_at(Clock::time_point when);

  IoThread& thread_;
  const Options options_;
  const std::atomic<std::int64_t>& broker_epoch_;
  FollowerFetch fetch_;
  std::optional<peer::PeerAddress> address_;
  std::shared_ptr<peer::PeerConnection> connection_;
  std::uint64_t connection_number_ = 0;  // answers of earlier ones are passed over
  std::chrono::milliseconds retry_interval_{0};
  std::optional<Clock::time_point> retry_at_;
  std::unique_ptr<Timer> timer_;
  Clock::time_point timer_due_{};
  bool closed_ = false;
};

}  // namespace sluice::broker::replication
