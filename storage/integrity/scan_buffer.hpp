#pragma once

#include <cstdint>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// A window on a file that is read forwards in large steps.
class ScanBuffer {
 public:
  ScanBuffer(const File& file, std::uint32_t end) noexcept : file_(file), end_(end) {}

  /// [`position`, `position` + `size`) of the file, valid until the next call. Pre: it lies below the end.
  /// Errors: corrupt_batch when the file is shorter than it should be; those of the file.
  Result<ByteView> view(std::uint32_t position, std::size_t size);

 private:
  const File& file_;
  std::uint32_t end_;
  std::vector<std::byte> buffer_;
  std::size_t held_bytes_ = 0;       // of the buffer, from the file
  std::uint32_t held_position_ = 0;  // of its first byte
};

}  // namespace sluice::storage
