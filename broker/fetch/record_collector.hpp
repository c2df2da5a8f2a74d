#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/messages/fetch.hpp"
#include "storage/log/log.hpp"
#include "storage/segment/log_slice.hpp"

namespace sluice::broker::fetch {

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
  bool cold = false;           ///< something was not in memory: read again in the background
};

/// Reads records into a response, one partition after the other, within its size. What was appended a moment ago is
/// read without asking whether it is in memory; of the rest nothing is taken whose CRC was not checked since its file
/// was opened.
class RecordCollector {
 public:
  /// `into` outlives it. In the background no more is read than `bytes_max` and kColdBytesMax allow, or `bytes_min`.
  RecordCollector(Collected& into, Reading reading, std::int32_t bytes_min, std::int32_t bytes_max);

  /// Below `end` and within `bytes_max` of the partition. Errors: not_cached, where the reading must not wait.
  Result<storage::LogSlice> read(storage::Log& log, Offset from, std::int32_t bytes_max, Offset end, bool recent);
  /// Into the records of `data`, which is the next of the response to have any: copied when it is small.
  Result<> add(protocol::FetchResponse::PartitionData& data, storage::LogSlice slice, bool recent);

  bool waits(bool recent) const noexcept { return recent || reading_ != Reading::cached_only; }
  bool is_full() const noexcept { return into_.bytes >= bytes_max_; }

 private:
  Result<storage::LogSlice> read_cached(storage::Log& log, Offset from, std::size_t bytes_max, Offset end);
  Result<storage::LogSlice> read_verified(storage::Log& log, Offset from, std::size_t bytes_max, Offset end);
  bool is_copied(const storage::LogSlice& slice) const noexcept;

  Collected& into_;
  const Reading reading_;
  const std::size_t bytes_max_;
};

/// How much past a slice is brought into memory ahead of a reader that goes on there.
inline constexpr std::uint32_t kReadAheadBytes = 2U << 20;

}  // namespace sluice::broker::fetch
