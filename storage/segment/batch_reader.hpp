#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/record/batch_view.hpp"
#include "storage/segment/segment_file.hpp"

namespace sluice::storage {

/// Reads whole batches of a `.log` file, from a batch boundary on, in large steps.
class BatchReader {
 public:
  BatchReader(const SegmentFile& file, std::uint32_t position, std::uint32_t end) noexcept
      : file_(file), position_(position), end_(end) {}

  /// The next batch, valid until the next call; nullopt at the end. Its CRC is not looked at.
  /// Errors: corrupt_batch when its header is unsound or it reaches past the end; position() is then its start.
  Result<std::optional<record::BatchView>> next();

  std::uint32_t position() const noexcept { return position_; }  ///< past the last batch returned

 private:
  Result<> fill(std::size_t bytes);

  const SegmentFile& file_;
  std::uint32_t position_;
  std::uint32_t end_;
  std::vector<std::byte> buffer_;
  std::size_t buffer_bytes_ = 0;       // that hold file content
  std::uint32_t buffer_position_ = 0;  // in the file, of the buffer's first byte
};

/// The batch at `position`, whole, in `buffer`. For one batch where BatchReader would read too much.
Result<record::BatchView> read_batch(const SegmentFile& file, std::uint32_t position, std::size_t size,
                                     std::vector<std::byte>& buffer);

}  // namespace sluice::storage
