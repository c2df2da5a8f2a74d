#pragma once

#include <cstdint>
#include <memory>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"

namespace sluice::storage {

class SegmentFile;

/// A run of whole batches inside one `.log` file. Holds the file open, also past its deletion.
struct LogSlice {
  std::shared_ptr<const SegmentFile> file;  ///< null when the slice is empty
  std::uint32_t position = 0;               ///< of the first byte in the file
  std::uint32_t size = 0;
  Offset next_offset = kNoOffset;  ///< where to read on: past the last offset of the slice

  bool empty() const noexcept { return size == 0; }
  /// For sendfile(descriptor, position, size); -1 when only `read` works.
  int descriptor() const noexcept;
  /// Copies the slice; `into.size() == size`.
  Result<> read(MutableBytes into) const;
};

}  // namespace sluice::storage
