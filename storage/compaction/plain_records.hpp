#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/batch_view.hpp"
#include "protocol/record/compression/decompressor.hpp"

namespace sluice::storage {

/// One record where it lies, as far as compaction looks into it. The rest is copied as it is.
struct PlainRecord {
  ByteView bytes;  ///< all of it, with its length
  ByteView tail;   ///< from the offset delta on
  std::byte attributes{};
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  std::optional<ByteView> key{};
  bool has_value = false;
};

/// Walks the uncompressed records of a batch. Errors: corrupt_batch, also when `count` does not fill `records`, or
/// offset deltas do not ascend up to `last_offset_delta`.
class PlainRecordWalker {
 public:
  PlainRecordWalker(ByteView records, const record::BatchView& header) noexcept
      : rest_(records), left_(header.record_count()), last_offset_delta_(header.last_offset_delta()) {}

  Result<std::optional<PlainRecord>> next() noexcept;

 private:
  ByteView rest_;
  std::int32_t left_;
  std::int32_t last_offset_delta_;
  std::int32_t previous_delta_ = -1;
};

/// Unpacks the records of one batch after the other. One thread at a time.
class BatchUnpacker {
 public:
  /// The batch's own bytes, or, where it is compressed, a copy that lasts until the next call. Errors: those of
  /// record::Decompressor.
  Result<ByteView> unpack(const record::BatchView& batch);

 private:
  record::Decompressor decompressor_;
  std::vector<std::byte> plain_;
};

}  // namespace sluice::storage
