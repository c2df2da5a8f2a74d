#include "storage/compaction/batch_cleaner.hpp"

#include <algorithm>

#include "protocol/base/assert.hpp"
#include "protocol/base/varint.hpp"
#include "protocol/record/record_summary.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

namespace at = record::at;
namespace attribute = record::attribute;

std::optional<Timestamp> horizon_of(const record::BatchView& batch) noexcept {
  if ((batch.attributes() & attribute::kDeleteHorizon) == 0) return std::nullopt;
  return batch.base_timestamp();
}

/// Appends `record` with its timestamp moved by `shift`: the deltas of a batch follow its base timestamp.
void append_shifted(std::vector<std::byte>& out, const PlainRecord& record, std::int64_t shift) {
  const auto delta = zigzag_encode(record::timestamp_of(Timestamp{record.timestamp_delta}, shift).value());
  const auto body = 1 + varint_size(delta) + record.tail.size();
  const auto length = zigzag_encode(static_cast<std::int64_t>(body));
  const auto from = out.size();
  out.resize(from + varint_size(length) + body);
  auto* to = write_varint(out.data() + from, length);
  *to++ = record.attributes;
  to = write_varint(to, delta);
  std::copy(record.tail.begin(), record.tail.end(), to);
}

}  // namespace

Result<ByteView> BatchCleaner::clean(const record::BatchView& batch, bool keep_if_empty) {
  const auto horizon = horizon_of(batch);
  const bool obsolete = batch.is_control() ? transactions_.is_marker_obsolete(batch) : transactions_.is_aborted(batch);
  const bool keep = keep_if_empty || is_last_of_producer(batch);
  if (batch.record_count() == 0) return keep ? batch.bytes() : ByteView{};
  if (!batch.is_control()) {
    if (obsolete) return keep ? emptied(batch) : ByteView{};
    return clean_records(batch, keep);
  }
  if (!obsolete) return as_kept(batch);
  if (horizon && *horizon <= view_.now) return keep ? emptied(batch) : ByteView{};
  if (horizon) return as_kept(batch);
  if (const auto selected = select(batch); !selected) return selected.error();
  return encode(batch, view_.new_horizon());
}

ByteView BatchCleaner::as_kept(const record::BatchView& batch) {
  records_kept_ += static_cast<std::uint64_t>(batch.record_count());
  return batch.bytes();
}

bool BatchCleaner::is_last_of_producer(const record::BatchView& batch) const {
  if (!batch.has_producer()) return false;
  const auto found = view_.producers.find(batch.producer_id());
  if (found == view_.producers.end()) return false;
  const auto& end = found->second;
  if (end.last_data_offset) return batch.last_offset() == *end.last_data_offset;
  return batch.is_control() && batch.producer_epoch() == end.producer_epoch;
}

Result<ByteView> BatchCleaner::clean_records(const record::BatchView& batch, bool keep_if_empty) {
  if (const auto selected = select(batch); !selected) return selected.error();
  const bool sets_horizon = keeps_tombstones_ && !horizon_of(batch);
  if (kept_.empty()) return keep_if_empty ? emptied(batch) : ByteView{};
  if (kept_.size() == static_cast<std::size_t>(batch.record_count()) && !sets_horizon) return as_kept(batch);
  std::optional<Timestamp> new_horizon;
  if (sets_horizon) new_horizon = view_.new_horizon();
  return encode(batch, new_horizon);
}

// First all slots are asked for, then they are looked at: they come from memory side by side.
Result<> BatchCleaner::select(const record::BatchView& batch) {
  kept_.clear();
  keeps_tombstones_ = false;
  const auto plain = unpacker_.unpack(batch);
  if (!plain) return plain.error();
  PlainRecordWalker walker{*plain, batch};
  while (true) {
    const auto record = walker.next();
    if (!record) return record.error();
    if (!*record) break;
    Candidate candidate{**record, {}, false};
    const bool mapped = batch.base_offset() + (*record)->offset_delta < view_.mapped_until;
    if (!batch.is_control() && mapped) {
      if (!(*record)->key) continue;
      candidate.mapped = true;
      candidate.hash = hash_key(*(*record)->key, view_.secret);
      view_.last_offsets.prefetch(candidate.hash);
    }
    kept_.push_back(candidate);
  }
  if (batch.is_control()) return {};

  const auto horizon = horizon_of(batch);
  const bool drops_tombstones = horizon && *horizon <= view_.now;
  std::erase_if(kept_, [&](const Candidate& candidate) {
    const auto& record = candidate.record;
    if (!candidate.mapped) return false;
    const auto offset = batch.base_offset() + record.offset_delta;
    if (offset < view_.last_offsets.find(candidate.hash)) return true;
    if (!record.has_value && drops_tombstones) return true;
    keeps_tombstones_ = keeps_tombstones_ || !record.has_value;
    return false;
  });
  return {};
}

// Nothing but what the header says, as Kafka leaves it: not compressed, without timestamps of records.
ByteView BatchCleaner::emptied(const record::BatchView& batch) {
  const auto header = batch.bytes().first(record::kBatchHeaderBytes);
  plain_.assign(header.begin(), header.end());
  const auto attributes = static_cast<std::uint16_t>(batch.attributes() & ~unsigned{attribute::kCompressionMask} &
                                                     ~unsigned{attribute::kDeleteHorizon});
  store_be(plain_.data() + at::kLength, record::kBatchLengthMin);
  store_be(plain_.data() + at::kAttributes, attributes);
  store_be(plain_.data() + at::kBaseTimestamp, kNoTimestamp.value());
  store_be(plain_.data() + at::kRecordCount, std::int32_t{0});
  record::MutableBatch::parse(plain_)->seal();
  return plain_;
}

// The records that stay are copied as they are, unless a new horizon takes the base timestamp's place.
ByteView BatchCleaner::encode(const record::BatchView& batch, std::optional<Timestamp> new_horizon) {
  const auto header = batch.bytes().first(record::kBatchHeaderBytes);
  plain_.assign(header.begin(), header.end());
  auto max_timestamp = kNoTimestamp;
  const auto shift = new_horizon ? batch.base_timestamp() - *new_horizon : 0;
  for (const auto& [record, hash, mapped] : kept_) {
    max_timestamp = std::max(max_timestamp, record::timestamp_of(batch.base_timestamp(), record.timestamp_delta));
    if (new_horizon) {
      append_shifted(plain_, record, shift);
    } else {
      plain_.insert(plain_.end(), record.bytes.begin(), record.bytes.end());
    }
  }
  auto* out = &plain_;
  if (const auto codec = batch.compression(); codec != record::Compression::none) {
    packed_.assign(header.begin(), header.end());
    compressor_.compress(codec, record::default_level(codec), ByteView{plain_}.subspan(record::kBatchHeaderBytes),
                         packed_);
    out = &packed_;
  }
  SLUICE_ASSERT(out->size() <= std::numeric_limits<std::int32_t>::max(), out->size());
  store_be(out->data() + at::kLength, static_cast<std::int32_t>(out->size() - record::kBatchPrefixBytes));
  store_be(out->data() + at::kRecordCount, static_cast<std::int32_t>(kept_.size()));
  if (new_horizon) {
    store_be(out->data() + at::kAttributes, static_cast<std::uint16_t>(batch.attributes() | attribute::kDeleteHorizon));
    store_be(out->data() + at::kBaseTimestamp, new_horizon->value());
  }
  // Under log append time the header's timestamp is that of every record.
  if (batch.timestamp_type() == record::TimestampType::create_time)
    store_be(out->data() + at::kMaxTimestamp, max_timestamp.value());
  record::MutableBatch::parse(*out)->seal();
  records_kept_ += kept_.size();
  return *out;
}

}  // namespace sluice::storage
