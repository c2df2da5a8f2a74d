#pragma once

#include <cstdint>
#include <memory>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

class File;
class SegmentIntegrity;

/// A run of whole batches inside one `.log` file. Keeps the file open, also past its deletion.
struct LogSlice {
  std::shared_ptr<const File> file;  ///< null when the slice is empty
  std::uint32_t position = 0;        ///< of the first byte in the file
  std::uint32_t size = 0;
  Offset next_offset = kNoOffset;                       ///< where to read on: past the last offset of the slice
  std::shared_ptr<const SegmentIntegrity> integrity{};  ///< of the segment: for Log::is_verified

  bool empty() const noexcept { return size == 0; }
  /// For sendfile(descriptor, position, size); -1 when only `read` works.
  int descriptor() const noexcept;
  /// Copies the slice; `into.size() == size`. Errors: not_cached, in that mode.
  Result<> read(MutableBytes into, ReadMode mode = ReadMode::may_wait) const;

  /// Whether sending it, from `from` bytes after its start on and at most `bytes_max` of it, waits for no disk.
  bool is_cached(std::uint32_t from = 0, std::uint32_t bytes_max = UINT32_MAX) const noexcept;
  /// Begins to bring it into memory.
  void read_ahead() const noexcept;
  /// Brings that part into memory and waits until it is there.
  Result<> load(std::uint32_t from = 0, std::uint32_t bytes_max = UINT32_MAX) const;
  /// Whether the file's next `bytes` after the slice are in memory: judged by their last one.
  bool is_rest_cached(std::uint32_t bytes) const noexcept;
  /// Begins to bring them into memory. May wait for the device to take the order.
  void read_ahead_rest(std::uint32_t bytes) const noexcept;
};

}  // namespace sluice::storage
