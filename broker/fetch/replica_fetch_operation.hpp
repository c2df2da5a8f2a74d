#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "broker/fetch/replica_fetch_reader.hpp"
#include "broker/fetch/replica_fetch_session.hpp"
#include "broker/server/io_thread.hpp"
#include "broker/server/respond.hpp"
#include "protocol/messages/fetch.hpp"

namespace sluice::broker {
struct Services;
}

namespace sluice::broker::fetch {

/// One Fetch request of a follower from arrival to answer: tells what its session has due, or waits for something to
/// move, for its time to run out, or for the follower's next request. Lives on the connection's thread, in its own
/// shared_ptr.
///
/// What is not in memory is left out as long as there is anything else; then, or when it was left out a few times, a
/// background thread reads.
class ReplicaFetchOperation final : public SessionWaiter, public std::enable_shared_from_this<ReplicaFetchOperation> {
 public:
  using Respond = broker::Respond<protocol::FetchResponse>;
  struct Limits {
    std::int32_t bytes_min = 1;
    std::int32_t bytes_max = 0;
    std::chrono::milliseconds wait_max{0};
  };

  ReplicaFetchOperation(Services& services, IoThread& thread, std::shared_ptr<ReplicaFetchSession> session,
                        const Limits& limits, Respond respond);
  ~ReplicaFetchOperation() override;

  void start();
  void on_session_progress() noexcept override;
  bool give_way() override;

 private:
  void try_answer(bool time_is_up);
  bool answer_if_enough(ReplicaCollected collected);
  void answer(ReplicaCollected collected);
  void read_in_background(std::vector<ReplicaTarget> targets);
  void background_read_done(ReplicaCollected collected);

  Services& services_;
  IoThread& thread_;
  const std::shared_ptr<ReplicaFetchSession> session_;
  const Limits limits_;
  std::optional<Respond> respond_;  // empty once answered
  bool time_is_up_ = false;
  bool reading_ = false;  // in the background
  std::unique_ptr<Timer> deadline_;
  std::atomic<bool> check_scheduled_{false};
};

}  // namespace sluice::broker::fetch
