#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/compression/compressor.hpp"
#include "storage/compaction/batch_cleaner.hpp"
#include "storage/compaction/key_offset_map.hpp"
#include "storage/compaction/plain_records.hpp"
#include "storage/compaction/transaction_filter.hpp"

namespace sluice::storage {

class CleanedSegment;
class FileSystem;
class Log;
class Segment;
struct LogOptions;

/// What one pass is to do, and with what.
struct CleanRequest {
  Offset first_dirty{0};  ///< as find_cleanable has it, and the end too
  Offset end{0};
  std::chrono::milliseconds delete_retention = std::chrono::hours{24};
  std::size_t map_bytes_max = std::size_t{128} << 20;
  double map_load_factor = 0.9;
  std::size_t io_buffer_bytes = std::size_t{512} << 10;
  KeyHashSecret secret{};
};

/// What one pass did.
struct CleanReport {
  Offset next_dirty{0};  ///< everything below is clean now; below the request's end when the map was too small
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t bytes_before = 0;  ///< of the segments looked at
  std::uint64_t bytes_after = 0;
  std::uint64_t records_before = 0;
  std::uint64_t records_after = 0;
  std::uint64_t keys = 0;  ///< different ones in the dirty part
  std::size_t segments_before = 0;
  std::size_t segments_after = 0;
};

/// Compacts logs: keeps the last record of each key (and what BatchCleaner says).
///
/// A pass reads the dirty part once for the last offset of each key, then everything from the log's first segment on
/// to leave out what these offsets supersede, segment group by segment group. Each group is replaced at once and for
/// good (Log::replace_segments): a pass that fails or is stopped halfway leaves some groups cleaned, all of them sound.
/// The last batch of a group stays, emptied if need be, so that no offset at its end is lost. A segment in which
/// nothing is to go is not written again.
///
/// Beside it the log is read, appended to, and may even be truncated: then the pass ends with an error.
/// Threading: one pass at a time; buffers are kept from one to the next.
class Cleaner {
 public:
  /// After so many more bytes of reading and writing; may wait. An error ends the pass with it.
  using Throttle = std::function<Result<>(std::uint64_t bytes)>;

  /// Errors: corrupt_batch (nothing that lies behind it is touched), of the system (ENOSPC), operation_canceled when
  /// the log changed under the pass, the throttle's.
  Result<CleanReport> clean(Log& log, const CleanRequest& request, Timestamp now, const Throttle& throttle);

 private:
  using Segments = std::vector<std::shared_ptr<Segment>>;
  class Pass;

  BatchUnpacker unpacker_;
  record::Compressor compressor_;
};

}  // namespace sluice::storage
