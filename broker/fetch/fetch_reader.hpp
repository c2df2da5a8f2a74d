#pragma once

#include <cstdint>
#include <vector>

#include "broker/fetch/fetch_session.hpp"
#include "broker/replication/partition.hpp"
#include "protocol/messages/fetch.hpp"
#include "storage/segment/log_slice.hpp"

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

/// How a read treats what is not in memory.
enum class Reading {
  cached_only,    ///< on an io thread: leaves it alone, and says so
  in_background,  ///< on a thread that may wait: brings it into memory, so that sending it waits for no disk
  in_place        ///< wherever it is, as it comes: without read-ahead
};

/// What a pass over all targets found.
struct Collected {
  protocol::FetchResponse response{};
  std::vector<storage::LogSlice> slices{};       ///< of the spliced records, in order
  std::vector<std::vector<std::byte>> copies{};  ///< what `view` records of the response point to
  std::vector<storage::LogSlice> followed{};     ///< whose next bytes are not in memory, and will be asked for soon
  std::size_t bytes = 0;
  std::size_t copied_bytes = 0;
  std::size_t cold_bytes = 0;  ///< that were brought into memory
  bool answer_now = false;     ///< an error, or a diverging epoch
  bool cold = false;           ///< something was not in memory: read again in the background, all of it
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
  Result<> add_records(PartitionData& data, storage::LogSlice slice, bool recent);
  Result<storage::LogSlice> read_slice(storage::Log& log, const FetchTarget& target, Offset end, bool recent);
  Result<storage::LogSlice> read_cached(storage::Log& log, Offset from, std::size_t bytes_max, Offset end);
  Result<storage::LogSlice> read_verified(storage::Log& log, Offset from, std::size_t bytes_max, Offset end);
  bool is_copied(const storage::LogSlice& slice) const noexcept;
  PartitionData fail(PartitionData data, protocol::ErrorCode error);

  Services& services_;
  const std::vector<FetchTarget>& targets_;
  const FetchLimits& limits_;
  const Reading reading_;
  const std::size_t bytes_max_;
  const Timestamp now_;
  Collected into_;
};

/// The replica that a target names; null where there is none.
std::shared_ptr<replication::Partition> find_partition(Services& services, const FetchTarget& target, bool by_topic_id);

/// How much past a slice is brought into memory ahead of a reader that goes on there.
inline constexpr std::uint32_t kReadAheadBytes = 2U << 20;

}  // namespace sluice::broker::fetch
