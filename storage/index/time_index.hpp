#pragma once

#include <cstdint>
#include <optional>

#include "protocol/base/ids.hpp"
#include "storage/index/index_file.hpp"

namespace sluice::storage {

struct TimestampOffset {
  Timestamp timestamp;
  Offset offset;

  friend bool operator==(const TimestampOffset&, const TimestampOffset&) = default;
};

/// Sparse map from timestamp to offset for one segment (`<base_offset>.timeindex`).
///
/// On disk: repeated { i64 timestamp; i32 relative_offset } big endian, 12 bytes each. An entry (t, o) says that no
/// batch up to the one that ends at o has a timestamp larger than t, and that this one has it. Timestamps grow
/// strictly. One entry is kept free for the final one, written when the segment is sealed. Not checksummed: rebuilt
/// when in doubt.
///
/// Threading: as IndexFile.
class TimeIndex {
 public:
  static constexpr std::uint32_t kEntryBytes = 12;

  TimeIndex(FileSystem& fs, std::string path, Offset base_offset)
      : file_(fs, std::move(path), kEntryBytes), base_offset_(base_offset) {}

  /// Largest entry with timestamp <= `target`; {kNoTimestamp, base_offset} when there is none.
  TimestampOffset lower_entry(Timestamp target) const noexcept;

  std::uint32_t count() const noexcept { return file_.count(); }
  TimestampOffset entry(std::uint32_t index) const noexcept;
  std::optional<TimestampOffset> last() const noexcept;

  /// Appends only what is later than the last entry. Pre: ensure_room.
  void append_if_later(TimestampOffset entry) noexcept;
  void truncate_to(Offset offset) noexcept;  ///< keeps entries with a smaller offset

  /// Errors: corrupt_index unless first and last entry ascend from the base offset.
  Result<> check() const noexcept;
  /// After a crash: how many entries from the first on ascend in both fields, up to `last_offset`.
  std::uint32_t count_ascending(Offset last_offset) const noexcept;
  static bool is_full(std::uint32_t count, std::uint32_t capacity_bytes) noexcept {
    return count + 1 >= capacity_bytes / kEntryBytes;
  }

  IndexFile& file() noexcept { return file_; }

 private:
  IndexFile file_;
  Offset base_offset_;
};

}  // namespace sluice::storage
