#pragma once

#include <cstdint>
#include <vector>

#include "broker/fetch/fetch_session.hpp"
#include "broker/fetch/record_collector.hpp"
#include "broker/replication/partition.hpp"
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
  bool for_debugging =
      false;  ///< replica id -2: served by followers too, up to the log's end (tools that compare them)
};

/// Reads what a fetch asks for, once, on whichever thread. What was appended a moment ago is read without asking
/// whether it is in memory; of the rest nothing is sent whose CRC was not checked since its file was opened.
class FetchReader {
 public:
  FetchReader(Services& services, const std::vector<FetchTarget>& targets, const FetchLimits& limits, Reading reading);

  Collected collect();

 private:
  using PartitionData = protocol::FetchResponse::PartitionData;

  PartitionData read_partition(const FetchTarget& target, replication::Partition* partition);
  bool add_diverging_epoch(PartitionData& data, const FetchTarget& target, replication::Partition& partition);
  void read_records(PartitionData& data, const FetchTarget& target, replication::Partition& partition, Offset end);
  Result<> list_aborted(PartitionData& data, storage::Log& log, std::pair<Offset, Offset> range, bool recent);
  PartitionData fail(PartitionData data, protocol::ErrorCode error);

  Services& services_;
  const std::vector<FetchTarget>& targets_;
  const FetchLimits& limits_;
  const Timestamp now_;
  Collected into_;
  RecordCollector records_;
};

/// The replica that a target names; null where there is none.
std::shared_ptr<replication::Partition> find_partition(Services& services, const FetchTarget& target, bool by_topic_id);

}  // namespace sluice::broker::fetch
