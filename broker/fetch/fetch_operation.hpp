#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "broker/fetch/fetch_session.hpp"
#include "broker/replication/partition.hpp"
#include "broker/server/io_thread.hpp"
#include "broker/server/respond.hpp"
#include "protocol/messages/fetch.hpp"

namespace sluice::broker {
struct Services;
}

namespace sluice::broker::fetch {

struct FetchLimits {
  std::int32_t bytes_min;
  std::int32_t bytes_max;
  std::chrono::milliseconds wait_max;
  bool read_committed;
  bool by_topic_id;    ///< version 13 and later
  bool zstd_readable;  ///< version 10 and later; earlier ones are refused topics whose codec is zstd, as by Kafka
  bool names_leader;   ///< version 12 and later: errors of leadership name the leader
};

/// One Fetch request from arrival to answer: reads what there is, and where that is less than the client's minimum,
/// waits for its partitions to move or its time to run out. Lives on the connection's thread, in its own shared_ptr.
class FetchOperation final : public replication::ProgressWaiter, public std::enable_shared_from_this<FetchOperation> {
 public:
  using Respond = broker::Respond<protocol::FetchResponse>;

  FetchOperation(Services& services, IoThread& thread, FetchPlan plan, const FetchLimits& limits, Respond respond);
  ~FetchOperation() override;

  void start();
  void on_progress() noexcept override;

 private:
  using PartitionData = protocol::FetchResponse::PartitionData;

  /// What a pass over all targets found.
  struct Collected {
    protocol::FetchResponse response;
    std::vector<storage::LogSlice> slices;       // of the spliced records, in order
    std::vector<std::vector<std::byte>> copies;  // what `view` records of the response point to
    std::size_t bytes = 0;
    std::size_t copied_bytes = 0;
    bool answer_now = false;  // an error, or a diverging epoch
  };

  Collected collect();
  PartitionData read_partition(const FetchTarget& target, replication::Partition* partition, Collected& into);
  void add_records(PartitionData& data, storage::LogSlice slice, Collected& into);
  bool try_answer(bool time_is_up);
  void wait();
  void stop_watching() noexcept;
  std::shared_ptr<replication::Partition> find(const FetchTarget& target) const;

  Services& services_;
  IoThread& thread_;
  FetchPlan plan_;
  const FetchLimits limits_;
  std::optional<Respond> respond_;  // empty once answered

  std::vector<std::shared_ptr<replication::Partition>> watched_;
  std::unique_ptr<replication::Watch[]> watches_;  // one for each of watched_
  std::unique_ptr<Timer> deadline_;
  std::atomic<bool> check_scheduled_{false};
};

}  // namespace sluice::broker::fetch
