// Produced bytes: two bytes that choose the rules, then a record batch, whose CRC is mended unless the rules say
// otherwise. What the validator accepts must be sound for every reader, and be accepted again.

#include <cstdio>
#include <memory>
#include <optional>

#include "protocol/record/batch_validator.hpp"
#include "protocol/record/batch_view.hpp"
#include "protocol/record/control_record.hpp"
#include "protocol/record/record_stream.hpp"
#include "tests/fuzz/allocation_limit.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/targets/random_batch.hpp"

namespace sluice::fuzz {
namespace {

constexpr Timestamp kNow{1'700'000'000'500};
constexpr std::size_t kUnpackedBytesMax = std::size_t{64} << 10;
constexpr std::size_t kCodecBytes = std::size_t{1} << 20;  // windows of readers and codecs, made on first use

record::ValidationRules rules_of(unsigned choices) {
  record::ValidationRules rules;
  rules.compacted = (choices & 1U) != 0;
  rules.trust_compressed = (choices & 2U) != 0;
  rules.allow_zstd = (choices & 4U) == 0;
  rules.from_client = (choices & 8U) == 0;
  if ((choices & 16U) != 0) rules.timestamp_type = record::TimestampType::log_append_time;
  if ((choices & 32U) != 0) rules.target_compression = static_cast<record::Compression>((choices >> 8) % 5U);
  if ((choices & 64U) != 0) rules.timestamp_before_max_ms = 1000;
  rules.decompressed_bytes_max = kUnpackedBytesMax;
  return rules;
}

std::size_t touch(const record::RecordView& record) {
  std::size_t bytes = record.key.value_or(ByteView{}).size() + record.value.value_or(ByteView{}).size();
  for (const auto& header : record.headers) bytes += header.key.size() + header.value.value_or(ByteView{}).size();
  if (record.key && record.value) static_cast<void>(record::parse_end_transaction(*record.key, *record.value));
  return bytes;
}

/// Number of records; nullopt when they are not sound.
std::optional<std::int32_t> read_records(const record::BatchView& batch) {
  static record::RecordStream stream;
  if (!stream.start(batch, kUnpackedBytesMax)) return std::nullopt;
  std::int32_t count = 0;
  while (true) {
    const auto record = stream.next();
    if (!record) return std::nullopt;
    if (!*record) return count;
    touch(**record);
    ++count;
  }
}

/// By shape alone, which must judge like the reader of everything.
std::optional<std::int32_t> count_shapes(const record::BatchView& batch) {
  static record::RecordStream stream;
  if (!stream.start(batch, kUnpackedBytesMax)) return std::nullopt;
  std::int32_t count = 0;
  while (true) {
    const auto shape = stream.next_shape();
    if (!shape) return std::nullopt;
    if (!*shape) return count;
    ++count;
  }
}

void check_accepted(record::MutableBatch accepted, record::ValidationRules rules) {
  FUZZ_EXPECT(accepted.crc_matches());
  FUZZ_EXPECT(accepted.last_offset_delta() >= 0);
  const bool looked_at = !rules.trust_compressed || accepted.compression() == record::Compression::none;
  if (looked_at) FUZZ_EXPECT(read_records(accepted) == accepted.record_count());
  static record::BatchValidator again;
  Bytes copy(accepted.bytes().begin(), accepted.bytes().end());
  rules.from_client = false;  // log append time is set now
  if (accepted.compression() == record::Compression::zstd) rules.allow_zstd = true;
  const auto repeated = again.validate(copy, rules, kNow);
  if (!repeated) std::fprintf(stderr, "refused the second time: %s\n", repeated.error().message.c_str());
  FUZZ_EXPECT(repeated.has_value());
}

}  // namespace

Bytes make_input(RandomBytes& random) {
  Bytes input;
  random.append_to(input, 2);
  append_batch(input, {}, random);
  return input;
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::fuzz;
  if (size < 2) return 0;
  const auto choices = data[0] | static_cast<unsigned>(data[1]) << 8;
  const auto given = std::as_bytes(std::span{data, size}).subspan(2);
  // Exactly as large, so that a read past the end shows.
  const std::unique_ptr<std::byte[]> memory{new std::byte[given.size()]};
  const MutableBytes bytes{memory.get(), given.size()};
  std::copy(given.begin(), given.end(), bytes.begin());

  const AllocationLimit limit{justified_by(size) + 2 * kUnpackedBytesMax + kCodecBytes};
  auto batch = record::MutableBatch::parse(bytes);
  if (batch) {
    if ((choices & 128U) == 0) batch->seal();
    FUZZ_EXPECT(read_records(*batch) == count_shapes(*batch));
  }
  static record::BatchValidator validator;
  const auto rules = rules_of(choices);
  if (const auto validated = validator.validate(bytes, rules, kNow)) check_accepted(validated->batch, rules);
  return 0;
}
