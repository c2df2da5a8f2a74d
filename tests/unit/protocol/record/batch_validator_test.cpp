#include "protocol/record/batch_validator.hpp"

#include <catch2/catch.hpp>
#include <functional>
#include <random>

#include "protocol/record/batch_builder.hpp"
#include "tests/support/batches.hpp"

namespace {

using namespace sluice;
using namespace sluice::record;
using test::Bytes;
using test::kSomeTime;

constexpr Timestamp kNow = kSomeTime + 1000;

auto any_codec() {
  return GENERATE(Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd);
}

/// Changes something under the CRC and seals again, as a client with a bug would.
template <class Value>
Bytes patched(Bytes bytes, std::size_t at, Value value) {
  store_be(bytes.data() + at, value);
  MutableBatch::parse(bytes)->seal();
  return bytes;
}

Bytes two_records(const BatchOptions& options = {}) {
  return test::batch({{"a", "1"}, {"b", "2", kSomeTime + 7}}, options);
}

struct Refusal {
  Reason reason;
  Bytes bytes;
  ValidationRules rules{};
};

void check_refused(const char* what, Refusal refusal) {
  CAPTURE(what);
  BatchValidator validator;
  const auto outcome = validator.validate(refusal.bytes, refusal.rules, kNow);
  REQUIRE(outcome.has_error());
  CHECK(outcome.error().reason == refusal.reason);
  CHECK_FALSE(outcome.error().message.empty());
}

std::vector<std::string> values(const BatchView& batch) {
  RecordStream stream;
  REQUIRE(stream.start(batch, 1 << 20).has_value());
  std::vector<std::string> all;
  while (const auto record = *stream.next()) all.emplace_back(as_text(*record->value));
  return all;
}

}  // namespace

TEST_CASE("a sound batch is accepted without a byte changed", "[validator]") {
  auto bytes = test::batch_of(100, 200, {.compression = any_codec()});
  const auto before = bytes;
  BatchValidator validator;
  const auto outcome = validator.validate(bytes, {}, kNow);
  REQUIRE(outcome.has_value());
  CHECK(outcome->batch.bytes().data() == bytes.data());
  CHECK(outcome->max_timestamp_offset_delta == 99);
  CHECK(bytes == before);
}

TEST_CASE("what is wrong with a batch decides its error", "[validator]") {
  const auto sound = two_records();
  auto cut = sound;
  cut.resize(cut.size() - 1);
  auto bad_crc = sound;
  bad_crc.back() ^= std::byte{1};
  auto old_magic = sound;
  old_magic[at::kMagic] = std::byte{1};
  auto short_length = sound;
  store_be(short_length.data() + at::kLength, std::int32_t{48});

  check_refused("nothing", {Reason::invalid_record, {}});
  check_refused("a stub", {Reason::corrupt_message, Bytes(16)});
  check_refused("a cut batch", {Reason::corrupt_message, cut});
  check_refused("a length below the header's", {Reason::corrupt_message, short_length});
  check_refused("an old format", {Reason::invalid_record, old_magic});
  check_refused("two batches", {Reason::invalid_record, test::concat({sound, sound})});
  check_refused("a wrong CRC", {Reason::corrupt_message, bad_crc});
  check_refused("a base offset", {Reason::invalid_record, two_records({.base_offset = Offset{1}})});
  check_refused("too many bytes",
                {Reason::message_too_large, sound, {.max_message_bytes = static_cast<std::int32_t>(sound.size()) - 1}});
  check_refused("more than a segment",
                {Reason::record_list_too_large, sound, {.segment_bytes = static_cast<std::int32_t>(sound.size()) - 1}});
  check_refused("an unknown codec",
                {Reason::unsupported_compression_type, patched(sound, at::kAttributes, std::int16_t{5})});
  check_refused(
      "zstd in an old request",
      {Reason::unsupported_compression_type, two_records({.compression = Compression::zstd}), {.allow_zstd = false}});
  check_refused("no records", {Reason::invalid_record, test::batch({})});
  check_refused("a negative count", {Reason::invalid_record, patched(sound, at::kRecordCount, std::int32_t{-1})});
  check_refused("a count unlike the last offset",
                {Reason::invalid_record, patched(sound, at::kRecordCount, std::int32_t{1})});
  check_refused("a control batch", {Reason::invalid_record, two_records({.control = true})});
  check_refused("a producer without a sequence", {Reason::invalid_record, two_records({.producer_id = ProducerId{1}})});
  check_refused("a transaction without a producer", {Reason::invalid_record, two_records({.transactional = true})});
  check_refused("log append time from a client",
                {Reason::invalid_timestamp, two_records({.timestamp_type = TimestampType::log_append_time})});
}

TEST_CASE("records unlike the header's count are refused in any codec", "[validator]") {
  const int counted = GENERATE(1, 3);
  auto bytes = two_records({.compression = any_codec()});
  bytes = patched(bytes, at::kRecordCount, std::int32_t{counted});
  bytes = patched(bytes, at::kLastOffsetDelta, std::int32_t{counted - 1});
  check_refused("count", {Reason::invalid_record, bytes});
}

TEST_CASE("a payload that does not decompress is refused for good, not for another try", "[validator]") {
  const auto codec = GENERATE(Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd);
  const auto recompresses = GENERATE(false, true);
  auto bytes = two_records({.compression = codec});
  bytes = patched(bytes, at::kRecords + 2, std::int32_t{-1});
  ValidationRules rules;
  if (recompresses) rules.target_compression = Compression::none;
  check_refused("payload", {Reason::invalid_record, bytes, rules});
}

TEST_CASE("a bomb is too large", "[validator]") {
  const auto codec = GENERATE(Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd);
  const auto bytes = test::batch({{"k", std::string(1 << 20, '\0')}}, {.compression = codec});
  check_refused("bomb", {Reason::message_too_large, bytes, {.decompressed_bytes_max = 1 << 19}});
  check_refused(
      "bomb",
      {Reason::message_too_large, bytes, {.target_compression = Compression::none, .decompressed_bytes_max = 1 << 19}});
}

TEST_CASE("offset deltas that do not count up are refused", "[validator]") {
  BatchBuilder builder{{.compression = any_codec()}};
  builder.append({.timestamp = kSomeTime, .value = as_byte_view("v")});
  builder.append_at(Offset{2}, {.timestamp = kSomeTime, .value = as_byte_view("v")});
  const auto view = builder.build();
  auto bytes = patched(Bytes(view.begin(), view.end()), at::kLastOffsetDelta, std::int32_t{1});
  check_refused("gap", {Reason::invalid_record, bytes});
}

TEST_CASE("records without keys are named when the topic is compacted", "[validator]") {
  auto bytes =
      test::batch({{"a", "1"}, {std::nullopt, "2"}, {"", "3"}, {std::nullopt, "4"}}, {.compression = any_codec()});
  BatchValidator validator;
  CHECK(validator.validate(bytes, {}, kNow).has_value());
  const auto outcome = validator.validate(bytes, {.compacted = true}, kNow);
  REQUIRE(outcome.has_error());
  CHECK(outcome.error().reason == Reason::invalid_record);
  REQUIRE(outcome.error().record_errors.size() == 2);
  CHECK(outcome.error().record_errors[0].batch_index == 1);
  CHECK(outcome.error().record_errors[1].batch_index == 3);
}

TEST_CASE("records outside the allowed times are named", "[validator]") {
  const auto codec = any_codec();
  auto bytes = test::batch({{"a", "1", kNow}, {"b", "2", kNow - 501}, {"c", "3", kNow + 101}, {"d", "4", kNoTimestamp}},
                           {.compression = codec});
  BatchValidator validator;
  const ValidationRules rules{.timestamp_before_max_ms = 500, .timestamp_after_max_ms = 100};
  const auto outcome = validator.validate(bytes, rules, kNow);
  REQUIRE(outcome.has_error());
  CHECK(outcome.error().reason == Reason::invalid_timestamp);
  REQUIRE(outcome.error().record_errors.size() == 2);
  CHECK(outcome.error().record_errors[0].batch_index == 1);
  CHECK(outcome.error().record_errors[1].batch_index == 2);

  SECTION("the limits themselves are allowed") {
    auto at_limits = test::batch({{"a", "1", kNow - 500}, {"b", "2", kNow + 100}}, {.compression = codec});
    CHECK(validator.validate(at_limits, rules, kNow).has_value());
  }
  SECTION("under log append time the clients' times do not matter") {
    auto free_rules = rules;
    free_rules.timestamp_type = TimestampType::log_append_time;
    CHECK(validator.validate(bytes, free_rules, kNow).has_value());
  }
}

TEST_CASE("a wrong maximum timestamp is corrected and sealed", "[validator]") {
  const auto original = two_records({.compression = any_codec()});
  auto bytes = patched(original, at::kMaxTimestamp, std::int64_t{5});
  BatchValidator validator;
  const auto outcome = validator.validate(bytes, {}, kNow);
  REQUIRE(outcome.has_value());
  CHECK(outcome->max_timestamp_offset_delta == 1);
  CHECK(bytes == original);
}

TEST_CASE("log append time is stamped and sealed; the base timestamp stays", "[validator]") {
  auto bytes = two_records({.compression = any_codec()});
  BatchValidator validator;
  const auto outcome = validator.validate(bytes, {.timestamp_type = TimestampType::log_append_time}, kNow);
  REQUIRE(outcome.has_value());
  const auto& batch = outcome->batch;
  CHECK(batch.timestamp_type() == TimestampType::log_append_time);
  CHECK(batch.max_timestamp() == kNow);
  CHECK(batch.base_timestamp() == kSomeTime);
  CHECK(batch.crc_matches());
  CHECK(outcome->max_timestamp_offset_delta == 0);
}

TEST_CASE("the topic's codec replaces the producer's", "[validator]") {
  const auto from = any_codec();
  const auto to = any_codec();
  CAPTURE(static_cast<int>(from), static_cast<int>(to));
  auto bytes = test::batch_of(50, 3000, {.compression = from, .producer_id = ProducerId{5}, .base_sequence = 0});
  const auto before = bytes;
  BatchValidator validator;
  const auto outcome = validator.validate(bytes, {.target_compression = to}, kNow);
  REQUIRE(outcome.has_value());
  const auto& batch = outcome->batch;
  CHECK((batch.bytes().data() == bytes.data()) == (from == to));
  CHECK(batch.compression() == to);
  CHECK(batch.crc_matches());
  CHECK(batch.producer_id() == ProducerId{5});
  CHECK(values(batch) == values(*BatchView::parse(before)));
}

TEST_CASE("a batch that grows past the limit with the topic's codec is too large", "[validator]") {
  const auto bytes = test::batch({{"k", std::string(10'000, 'x')}}, {.compression = Compression::zstd});
  check_refused(
      "grown",
      {Reason::message_too_large, bytes, {.max_message_bytes = 5000, .target_compression = Compression::none}});
}

TEST_CASE("a trusted compressed batch is not unpacked, but its header is checked", "[validator]") {
  const ValidationRules trusting{.trust_compressed = true};
  auto garbage = patched(two_records({.compression = Compression::gzip}), at::kRecords, std::int32_t{-1});
  BatchValidator validator;
  CHECK(validator.validate(garbage, trusting, kNow).has_value());

  auto uncompressed = patched(two_records(), at::kRecords, std::int32_t{-1});
  CHECK(validator.validate(uncompressed, trusting, kNow).has_error());

  auto future = patched(garbage, at::kMaxTimestamp, (kNow + 3'600'001).value());
  CHECK(validator.validate(future, trusting, kNow).error().reason == Reason::invalid_timestamp);

  auto encoded = patched(garbage, at::kBaseOffset, std::int64_t{0});
  CHECK(validator.validate(encoded, {.trust_compressed = true, .target_compression = Compression::lz4}, kNow)
            .has_error());
}

TEST_CASE("what the broker writes itself may be control batches at any offset", "[validator]") {
  auto bytes = build_end_transaction({.base_offset = Offset{9}, .producer_id = ProducerId{1}, .timestamp = kSomeTime},
                                     {.committed = true});
  BatchValidator validator;
  CHECK(validator.validate(bytes, {.from_client = false}, kNow).has_value());
}

TEST_CASE("no damage to a batch, sealed anew, does more than have it refused", "[validator]") {
  const auto codec = any_codec();
  const auto whole = test::batch({{"key", "value"},
                                  {std::nullopt, std::string(300, 'x'), kSomeTime, {{"h", "v"}, {"n", std::nullopt}}},
                                  {"k", std::nullopt}},
                                 {.compression = codec});
  std::mt19937 random{static_cast<unsigned>(codec) + 1};
  BatchValidator validator;
  for (int round = 0; round < 20'000; ++round) {
    auto damaged = whole;
    for (unsigned i = 0; i <= random() % 4; ++i) damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    if (random() % 4 == 0) damaged.resize(random() % damaged.size());
    if (auto batch = MutableBatch::parse(damaged)) batch->seal();
    const ValidationRules rules{.compacted = round % 2 == 0,
                                .target_compression = round % 8 == 0 ? std::optional{Compression::lz4} : std::nullopt,
                                .decompressed_bytes_max = 1 << 20};
    const auto outcome = validator.validate(damaged, rules, kNow);
    if (outcome.has_error()) continue;
    if (!outcome->batch.crc_matches()) FAIL("accepted with a wrong CRC");
    RecordStream stream;
    REQUIRE(stream.start(outcome->batch, 1 << 20).has_value());
    for (std::int32_t index = 0;; ++index) {
      const auto record = stream.next();
      REQUIRE(record.has_value());
      if (!*record) break;
      REQUIRE((*record)->offset_delta == index);
    }
  }
}
