#include "storage/compaction/plain_records.hpp"

#include <algorithm>

#include "protocol/record/record_cursor.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

// A batch that unpacks to more was refused when it was produced; this only bounds a hostile file.
constexpr std::size_t kUnpackedBytesMax = std::size_t{1} << 30;
constexpr std::size_t kUnpackedBytesMin = std::size_t{256} << 10;

}  // namespace

Result<std::optional<PlainRecord>> PlainRecordWalker::next() noexcept {
  if (left_ <= 0) {
    if (!rest_.empty()) return Errc::corrupt_batch;
    return std::optional<PlainRecord>{};
  }
  --left_;
  PlainRecord record;
  record::RecordCursor cursor{rest_};
  const auto length = cursor.take_varint();
  if (!cursor.ok() || length < 0 || static_cast<std::size_t>(length) > cursor.rest().size()) return Errc::corrupt_batch;
  const auto prefix = rest_.size() - cursor.rest().size();
  record.bytes = rest_.first(prefix + static_cast<std::size_t>(length));
  rest_ = rest_.subspan(record.bytes.size());

  record::RecordCursor body{record.bytes.subspan(prefix)};
  if (body.at_end()) return Errc::corrupt_batch;
  record.attributes = body.rest().front();
  body.skip(1);
  record.timestamp_delta = body.take_varlong();
  record.tail = body.rest();
  record.offset_delta = body.take_varint();
  record.key = body.take_nullable();
  record.has_value = record::skip_nullable(body);
  if (!body.ok() || record.offset_delta <= previous_delta_ || record.offset_delta > last_offset_delta_)
    return Errc::corrupt_batch;
  previous_delta_ = record.offset_delta;
  return record;
}

Result<ByteView> BatchUnpacker::unpack(const record::BatchView& batch) {
  if (batch.compression() == record::Compression::none) return batch.records();
  const auto started = decompressor_.start(batch.compression(), batch.records(), kUnpackedBytesMax);
  if (!started) return started.error();
  if (plain_.size() < kUnpackedBytesMin) plain_.resize(kUnpackedBytesMin);
  std::size_t filled = 0;
  while (true) {
    if (filled == plain_.size()) plain_.resize(plain_.size() * 2);
    const auto got = decompressor_.read(MutableBytes{plain_}.subspan(filled));
    if (!got) return got.error();
    if (*got == 0) return ByteView{plain_}.first(filled);
    filled += *got;
  }
}

}  // namespace sluice::storage
