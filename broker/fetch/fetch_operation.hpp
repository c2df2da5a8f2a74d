#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "broker/fetch/fetch_reader.hpp"
#include "broker/fetch/fetch_session.hpp"
#include "broker/replication/partition.hpp"
#include "broker/server/io_thread.hpp"
#include "broker/server/respond.hpp"
#include "protocol/messages/fetch.hpp"

namespace sluice::broker {
struct Services;
}

namespace sluice::broker::fetch {

/// One Fetch request from arrival to answer: reads what there is, and where that is less than the client's minimum,
/// waits for its partitions to move or its time to run out. Lives on the connection's thread, in its own shared_ptr.
///
/// What is not in memory, or was not checked yet, is read by a background thread, the whole fetch in one piece: so its
/// limits and the order of its partitions mean what they always do. There is at most one such task an operation; it
/// keeps the operation alive, and its outcome comes back to the connection's thread.
class FetchOperation final : public replication::ProgressWaiter, public std::enable_shared_from_this<FetchOperation> {
 public:
  using Respond = broker::Respond<protocol::FetchResponse>;

  FetchOperation(Services& services, IoThread& thread, FetchPlan plan, const FetchLimits& limits, Respond respond);
  ~FetchOperation() override;

  void start();
  void on_progress() noexcept override;

 private:
  bool try_answer(bool time_is_up);
  bool answer_if_enough(Collected collected);
  void read_in_background();
  void background_read_done(Collected collected);
  void read_ahead(std::vector<storage::LogSlice> followed);
  void wait();
  void stop_watching() noexcept;

  Services& services_;
  IoThread& thread_;
  const FetchPlan plan_;
  const FetchLimits limits_;
  std::optional<Respond> respond_;  // empty once answered

  bool time_is_up_ = false;
  bool reading_ = false;     // in the background
  bool look_again_ = false;  // something moved meanwhile
  std::vector<std::shared_ptr<replication::Partition>> watched_;
  std::unique_ptr<replication::Watch[]> watches_;  // one for each of watched_
  std::unique_ptr<Timer> deadline_;
  std::atomic<bool> check_scheduled_{false};
};

}  // namespace sluice::broker::fetch
