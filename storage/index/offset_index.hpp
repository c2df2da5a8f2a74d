#pragma once

#include <cstdint>
#include <optional>

#include "protocol/base/ids.hpp"
#include "storage/index/index_file.hpp"

namespace sluice::storage {

struct OffsetPosition {
  Offset offset;
  std::uint32_t position;

  friend bool operator==(const OffsetPosition&, const OffsetPosition&) = default;
};

/// Sparse map from offset to file position for one segment (`<base_offset>.index`).
///
/// On disk: repeated { i32 relative_offset; i32 file_position } big endian, 8 bytes each, ascending in both fields. An
/// entry names a batch: its *last* offset and the position of its first byte. Preallocated while active, trimmed when
/// sealed. Not checksummed: recovery rebuilds it from the `.log` file, so a damaged index costs time, never data.
///
/// Threading: as IndexFile.
class OffsetIndex {
 public:
  static constexpr std::uint32_t kEntryBytes = 8;

  OffsetIndex(FileSystem& fs, std::string path, Offset base_offset)
      : file_(fs, std::move(path), kEntryBytes), base_offset_(base_offset) {}

  /// Largest entry with offset <= `target`; {base_offset, 0} when there is none.
  OffsetPosition lower_entry(Offset target) const noexcept;
  /// Largest entry with position <= `position`; {base_offset, 0} when there is none.
  OffsetPosition entry_at_position(std::uint32_t position) const noexcept;

  std::uint32_t count() const noexcept { return file_.count(); }
  OffsetPosition entry(std::uint32_t index) const noexcept;
  std::optional<OffsetPosition> last() const noexcept;

  /// Pre: ensure_room; larger than the last entry in both fields.
  void append(OffsetPosition entry) noexcept;
  void truncate_to(Offset offset) noexcept;  ///< keeps entries with a smaller offset

  /// Errors: corrupt_index unless entries ascend and point below `log_bytes`. Only first and last are looked at.
  Result<> check(std::uint64_t log_bytes) const noexcept;
  /// After a crash: how many entries from the first on ascend in both fields, point below `log_bytes` and name offsets
  /// below `end`.
  std::uint32_t count_ascending(std::uint32_t log_bytes, Offset end) const noexcept;
  static bool is_full(std::uint32_t count, std::uint32_t capacity_bytes) noexcept {
    return count >= capacity_bytes / kEntryBytes;
  }

  IndexFile& file() noexcept { return file_; }
  const IndexFile& file() const noexcept { return file_; }

 private:
  IndexFile file_;
  Offset base_offset_;
};

}  // namespace sluice::storage
