#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/record/batch_view.hpp"
#include "protocol/record/compression/compressor.hpp"
#include "protocol/record/record_stream.hpp"
#include "protocol/record/record_summary.hpp"

namespace sluice::record {

/// What a topic and a produce request ask of a batch.
struct ValidationRules {
  std::int32_t max_message_bytes = 1048588;  ///< whole batch, its 12-byte prefix included
  std::int32_t segment_bytes = 1 << 30;
  bool compacted = false;         ///< keys must not be null
  bool trust_compressed = false;  ///< believe a compressed batch's header: its records are not looked at
  bool allow_zstd = true;         ///< Produce >= 7
  bool from_client = true;        ///< no control batches; base offset 0; sequences for producer ids
  TimestampType timestamp_type = TimestampType::create_time;
  std::int64_t timestamp_before_max_ms = std::numeric_limits<std::int64_t>::max();
  std::int64_t timestamp_after_max_ms = 3'600'000;
  std::optional<Compression> target_compression{};  ///< of the topic; absent: the producer's
  std::optional<int> target_level{};                ///< absent: Kafka's default of the codec
  std::int64_t decompressed_bytes_max = 256 << 20;  ///< more in one batch is taken for a bomb
};

/// Why a batch is refused. The broker maps these to protocol errors.
enum class Reason {
  invalid_record,
  corrupt_message,
  message_too_large,
  record_list_too_large,
  invalid_timestamp,
  unsupported_compression_type,
};

struct RecordError {
  std::int32_t batch_index = 0;  ///< of the record within the batch
  std::string message;
};

struct Rejection {
  Reason reason = Reason::invalid_record;
  std::string message;
  std::vector<RecordError> record_errors{};  ///< KIP-467; at most `kRecordErrorsMax`
};

inline constexpr std::size_t kRecordErrorsMax = 1000;

struct ValidBatch {
  MutableBatch batch;  ///< the bytes given, or, re-encoded, bytes that the validator owns until its next use
  std::int32_t max_timestamp_offset_delta = 0;  ///< of the first record with the maximum; the last if not looked at
};

using Validated = boost::system::result<ValidBatch, Rejection>;

/// Decides whether a partition's produced bytes may be appended, and makes them fit to be: corrects the maximum
/// timestamp, stamps log append time, applies the topic's codec, seals. Base offset and leader epoch are left to the
/// log. An uncompressed batch is walked once in place; a compressed one as a stream.
///
/// Threading: one thread at a time; keeps buffers and codec contexts, so that steady state allocates nothing.
class BatchValidator {
 public:
  /// `records`: exactly one batch of format v2. It is changed in place even if that is not the batch returned.
  Validated validate(MutableBytes records, const ValidationRules& rules, Timestamp now);

 private:
  std::error_code unpack(const BatchView& batch, const ValidationRules& rules);
  ByteView unpacked() const noexcept { return ByteView{plain_}.first(unpacked_bytes_); }
  Result<RecordSummary> survey(const BatchView& batch, const ValidationRules& rules);
  Rejection name_record_errors(const BatchView& batch, const ValidationRules& rules, Timestamp now);
  void encode(const BatchView& batch, const ValidationRules& rules);

  RecordStream stream_;
  Decompressor decompressor_;
  Compressor compressor_;
  std::vector<std::byte> plain_;  // only ever grows; the front `unpacked_bytes_` are of use
  std::size_t unpacked_bytes_ = 0;
  std::vector<std::byte> packed_;
};

}  // namespace sluice::record
