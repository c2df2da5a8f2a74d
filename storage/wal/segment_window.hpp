#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/record/batch_view.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage::wal {

/// Reads the batches of one file in large steps, sound or not. One thread at a time.
class SegmentWindow {
 public:
  static Result<SegmentWindow> open(FileSystem& fs, const std::string& path);

  std::uint64_t position() const noexcept { return position_; }
  std::uint64_t size() const noexcept { return size_; }
  bool at_end() const noexcept { return position_ >= size_; }

  /// The batch at position() if there is a whole one whose CRC is right; valid until the next call of anything here.
  Result<std::optional<record::BatchView>> batch();
  void skip(std::uint64_t bytes) noexcept { position_ += bytes; }
  /// Moves on, by one byte at least, to where a header may be; at_end() when there is none.
  Result<> seek_header();

 private:
  SegmentWindow(std::unique_ptr<File> file, std::uint64_t size) noexcept : file_(std::move(file)), size_(size) {}

  // Up to `bytes` from position() on; fewer only at the end of the file.
  Result<ByteView> view(std::uint64_t bytes);

  std::unique_ptr<File> file_;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
  std::vector<std::byte> buffer_;
  std::uint64_t buffer_position_ = 0;
};

}  // namespace sluice::storage::wal
