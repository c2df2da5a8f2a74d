#include "protocol/record/batch_validator.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "protocol/record/record_summary.hpp"

namespace sluice::record {
namespace {

constexpr std::size_t kUnpackBytesMin = 256 * 1024;

using Check = std::optional<Rejection>;

Rejection rejection(Reason reason, std::string_view message) { return {reason, std::string{message}}; }
Rejection invalid(std::string_view message) { return rejection(Reason::invalid_record, message); }

Rejection rejection(std::error_code records_error) {
  Reason reason = Reason::invalid_record;
  if (records_error == Errc::decompressed_too_large) reason = Reason::message_too_large;
  if (records_error == Errc::unknown_codec) reason = Reason::unsupported_compression_type;
  return rejection(reason, records_error.message());
}

/// The times that records may carry. Those without one always pass.
struct TimestampBounds {
  Timestamp min;
  Timestamp max;

  TimestampBounds(const ValidationRules& rules, Timestamp now) noexcept
      : min(saturated(now, -std::max<std::int64_t>(rules.timestamp_before_max_ms, 0))),
        max(saturated(now, std::max<std::int64_t>(rules.timestamp_after_max_ms, 0))) {}

  bool contain(Timestamp timestamp) const noexcept { return timestamp >= min && timestamp <= max; }

 private:
  static Timestamp saturated(Timestamp from, std::int64_t by) noexcept {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(from.value(), by, &sum)) return Timestamp{sum};
    using Limits = std::numeric_limits<std::int64_t>;
    return Timestamp{by < 0 ? Limits::min() : Limits::max()};
  }
};

Check check_frame(ByteView records) {
  if (records.empty()) return invalid("no record batch");
  if (records.size() <= at::kMagic) return rejection(Reason::corrupt_message, "record batch cut short");
  if (load_be<std::int8_t>(records.data() + at::kMagic) != kMagicV2) return invalid("record format is not v2");
  const auto batch = BatchView::parse(records);
  if (!batch) return rejection(Reason::corrupt_message, "record batch length is wrong");
  if (batch->size() < records.size()) return invalid("more than one record batch");
  return std::nullopt;
}

Check check_size(const BatchView& batch, const ValidationRules& rules) {
  const auto bytes = static_cast<std::int64_t>(batch.size());
  if (bytes > rules.max_message_bytes) {
    return rejection(Reason::message_too_large, "record batch of " + std::to_string(bytes) + " bytes, at most " +
                                                    std::to_string(rules.max_message_bytes) + " are allowed");
  }
  if (bytes > rules.segment_bytes) {
    return rejection(Reason::record_list_too_large, "record batch is larger than a segment");
  }
  return std::nullopt;
}

Check check_codec(const BatchView& batch, const ValidationRules& rules) {
  if (batch.compression() > Compression::zstd) {
    return rejection(Reason::unsupported_compression_type, "unknown compression codec");
  }
  if (batch.compression() == Compression::zstd && !rules.allow_zstd) {
    return rejection(Reason::unsupported_compression_type, "zstd needs Produce version 7");
  }
  return std::nullopt;
}

Check check_client_header(const BatchView& batch) {
  if (batch.base_offset() != Offset{0}) return invalid("base offset is not 0");
  if (batch.is_control()) return invalid("clients may not write control batches");
  if (batch.has_producer() && batch.base_sequence() < 0) return invalid("producer id without a sequence");
  if (batch.is_transactional() && !batch.has_producer()) return invalid("transactional without a producer id");
  if (batch.timestamp_type() == TimestampType::log_append_time) {
    return rejection(Reason::invalid_timestamp, "producers may not set log append time");
  }
  return std::nullopt;
}

Check check_header(const BatchView& batch, const ValidationRules& rules) {
  if (auto refused = check_size(batch, rules)) return refused;
  if (!batch.crc_matches()) return rejection(Reason::corrupt_message, "record batch CRC does not match");
  if (auto refused = check_codec(batch, rules)) return refused;
  if (batch.record_count() <= 0) return invalid("record count is not positive");
  if (std::int64_t{batch.last_offset_delta()} + 1 != batch.record_count()) {
    return invalid("record count and last offset delta disagree");
  }
  return rules.from_client ? check_client_header(batch) : std::nullopt;
}

bool checks_timestamps(const ValidationRules& rules) noexcept {
  return rules.timestamp_type == TimestampType::create_time;
}

/// Names the records at fault; only walked when `check_summary` found that there are some.
class RecordErrors {
 public:
  RecordErrors(const ValidationRules& rules, Timestamp now) : rules_(rules), bounds_(rules, now) {}

  void inspect(const RecordShape& record, std::int32_t index, Timestamp timestamp) {
    if (rules_.compacted && !record.has_key) {
      add(index, "record without a key in a compacted topic");
    } else if (checks_timestamps(rules_) && timestamp != kNoTimestamp && !bounds_.contain(timestamp)) {
      reason_ = Reason::invalid_timestamp;
      add(index, "timestamp " + std::to_string(timestamp.value()) + " is not within " +
                     std::to_string(bounds_.min.value()) + " and " + std::to_string(bounds_.max.value()));
    }
  }

  Rejection take() && {
    auto message = std::to_string(count_) + (count_ == 1 ? " record is refused" : " records are refused");
    return {reason_, std::move(message), std::move(errors_)};
  }

 private:
  void add(std::int32_t index, std::string message) {
    ++count_;
    if (errors_.size() < kRecordErrorsMax) errors_.push_back({index, std::move(message)});
  }

  const ValidationRules& rules_;
  TimestampBounds bounds_;
  Reason reason_ = Reason::invalid_record;
  std::vector<RecordError> errors_;
  std::int32_t count_ = 0;
};

/// True if some record breaks a rule of its own.
bool has_record_errors(const RecordSummary& summary, const ValidationRules& rules, Timestamp now) noexcept {
  if (rules.compacted && summary.has_null_key) return true;
  if (!checks_timestamps(rules)) return false;
  const TimestampBounds bounds{rules, now};
  return summary.timestamp_max > bounds.max || summary.timestamp_min < bounds.min;
}

/// What is known of a compressed batch whose records are not looked at.
RecordSummary trusted_summary(const BatchView& batch) noexcept {
  RecordSummary summary;
  summary.timestamp_max = batch.max_timestamp();
  if (summary.timestamp_max != kNoTimestamp) summary.timestamp_min = summary.timestamp_max;
  summary.timestamp_max_offset_delta = batch.last_offset_delta();
  return summary;
}

bool needs_encoding(const BatchView& batch, const ValidationRules& rules) noexcept {
  return rules.target_compression && *rules.target_compression != batch.compression();
}

bool is_trusted(const BatchView& batch, const ValidationRules& rules) noexcept {
  return rules.trust_compressed && batch.compression() != Compression::none && !needs_encoding(batch, rules);
}

/// Patches what the leader decides, with one new CRC if anything changed. Returns the offset delta of the maximum
/// timestamp.
std::int32_t stamp(MutableBatch& batch, const RecordSummary& summary, const ValidationRules& rules, Timestamp now,
                   bool encoded) noexcept {
  const bool stamps_time = rules.timestamp_type == TimestampType::log_append_time;
  const bool corrects_time = !stamps_time && batch.max_timestamp() != summary.timestamp_max;
  if (stamps_time) batch.set_log_append_time(now);
  if (corrects_time) batch.set_max_timestamp(summary.timestamp_max);
  if (stamps_time || corrects_time || encoded) batch.seal();
  return stamps_time ? 0 : summary.timestamp_max_offset_delta;
}

}  // namespace

Validated BatchValidator::validate(MutableBytes records, const ValidationRules& rules, Timestamp now) {
  if (auto refused = check_frame(records)) return *std::move(refused);
  auto batch = *MutableBatch::parse(records);
  if (auto refused = check_header(batch, rules)) return *std::move(refused);

  const bool encodes = needs_encoding(batch, rules);
  if (encodes) {
    if (const auto failure = unpack(batch, rules)) return rejection(failure);
  }
  const auto summary = survey(batch, rules);
  if (!summary) return rejection(summary.error());
  if (!summary->offsets_are_dense) return invalid("offset deltas of records do not count up from 0");
  if (has_record_errors(*summary, rules, now)) return name_record_errors(batch, rules, now);

  if (encodes) {
    encode(batch, rules);
    if (auto refused = check_frame(packed_)) return rejection(Reason::message_too_large, refused->message);
    batch = *MutableBatch::parse(packed_);
    if (auto refused = check_size(batch, rules)) return *std::move(refused);
  }
  const auto offset_delta = stamp(batch, *summary, rules, now, encodes);
  return ValidBatch{batch, offset_delta};
}

/// All records into plain_.
std::error_code BatchValidator::unpack(const BatchView& batch, const ValidationRules& rules) {
  const auto bytes_max = static_cast<std::size_t>(rules.decompressed_bytes_max);
  const auto started = decompressor_.start(batch.compression(), batch.records(), bytes_max);
  if (!started) return started.error();
  for (std::size_t used = 0;;) {
    if (used == plain_.size()) plain_.resize(std::max(kUnpackBytesMin, used * 2));
    const auto read = decompressor_.read(MutableBytes{plain_}.subspan(used));
    if (!read) return read.error();
    used += *read;
    if (*read > 0) continue;
    unpacked_bytes_ = used;
    return {};
  }
}

/// The one pass over the records: where they lie if not compressed or unpacked already, else as a stream.
Result<RecordSummary> BatchValidator::survey(const BatchView& batch, const ValidationRules& rules) {
  if (needs_encoding(batch, rules)) return summarise(unpacked(), batch.record_count(), batch.base_timestamp());
  if (batch.compression() == Compression::none) {
    return summarise(batch.records(), batch.record_count(), batch.base_timestamp());
  }
  if (is_trusted(batch, rules)) return trusted_summary(batch);
  const auto started = stream_.start(batch, static_cast<std::size_t>(rules.decompressed_bytes_max));
  if (!started) return started.error();
  return summarise(stream_, batch.base_timestamp());
}

Rejection BatchValidator::name_record_errors(const BatchView& batch, const ValidationRules& rules, Timestamp now) {
  if (is_trusted(batch, rules)) {
    return rejection(Reason::invalid_timestamp, "maximum timestamp of the batch is out of bounds");
  }
  RecordErrors errors{rules, now};
  const auto started = stream_.start(batch, static_cast<std::size_t>(rules.decompressed_bytes_max));
  for (std::int32_t index = 0; started; ++index) {
    const auto record = stream_.next_shape();
    if (!record || !*record) break;
    errors.inspect(**record, index, timestamp_of(batch.base_timestamp(), (*record)->timestamp_delta));
  }
  return std::move(errors).take();
}

/// The batch with the topic's codec into packed_; its CRC is left to `stamp`.
void BatchValidator::encode(const BatchView& batch, const ValidationRules& rules) {
  const auto codec = *rules.target_compression;
  packed_.assign(batch.bytes().begin(), batch.bytes().begin() + kBatchHeaderBytes);
  compressor_.compress(codec, rules.target_level.value_or(default_level(codec)), unpacked(), packed_);

  const auto others = static_cast<std::uint16_t>(batch.attributes() & ~attribute::kCompressionMask);
  store_be(packed_.data() + at::kAttributes, static_cast<std::uint16_t>(others | static_cast<std::uint16_t>(codec)));
  store_be(packed_.data() + at::kLength, static_cast<std::int32_t>(packed_.size() - kBatchPrefixBytes));
}

}  // namespace sluice::record
