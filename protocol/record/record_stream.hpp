#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/result.hpp"
#include "protocol/record/batch_view.hpp"
#include "protocol/record/compression/decompressor.hpp"
#include "protocol/record/record.hpp"

namespace sluice::record {

/// One pass over the records of a batch of any codec. Unpacks through a small window that is kept from one batch to
/// the next, never the whole batch; uncompressed batches are read where they lie.
///
/// Errors of `start` and `next*`: `record::Errc`, any of them. After one, only `start` may be called.
/// Threading: one thread at a time.
class RecordStream {
 public:
  /// Begins a batch, dropping the one before; its bytes must live until the last `next*`.
  Result<void> start(const BatchView& batch, std::size_t decompressed_bytes_max);

  /// The next record, valid until the following call; nullopt after the last. The window grows to hold it.
  Result<std::optional<RecordView>> next();

  /// Checks the next record and passes over its contents, without holding large ones. Both kinds of `next` may be
  /// mixed.
  Result<std::optional<RecordShape>> next_shape();

 private:
  class LargeRecord;

  Result<std::optional<std::size_t>> next_length();
  std::error_code hold(std::size_t bytes);  ///< window_ has that many, or all that the stream still yields
  std::error_code discard(std::size_t bytes);
  ByteView take(std::size_t bytes) noexcept;
  void make_room(std::size_t bytes);

  Decompressor decompressor_;
  std::vector<std::byte> buffer_;
  ByteView window_;  // unpacked, not yet read: within buffer_, or the batch's own bytes when not compressed
  std::int32_t left_ = 0;
  bool drained_ = false;  // nothing follows the window
};

}  // namespace sluice::record
