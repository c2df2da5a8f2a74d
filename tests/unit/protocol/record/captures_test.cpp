// Batches of other implementations (tests/captures/record_batches) are read and written as they do it.
#include "tests/support/captures.hpp"

#include <catch2/catch.hpp>

#include "protocol/record/batch_validator.hpp"
#include "protocol/record/control_record.hpp"

namespace {

using namespace sluice;
using namespace sluice::record;
using test::kSomeTime;
using test::TestRecord;

test::Bytes capture(const std::string& name) { return test::read_hex_capture("record_batches/" + name + ".hex"); }

/// What both generators write.
std::vector<TestRecord> captured_records() {
  return {{"key", "value", kSomeTime},
          {std::nullopt, "no key", kSomeTime + 5},
          {"tombstone", std::nullopt, kSomeTime - 5},
          {"", "", kSomeTime + 70'000},
          {"headers", std::string(300, 'x'), kSomeTime + 1, {{"trace", "abc"}, {"empty", ""}, {"null", std::nullopt}}}};
}

std::optional<std::string> text(std::optional<ByteView> bytes) {
  if (!bytes) return std::nullopt;
  return std::string{as_text(*bytes)};
}

std::vector<TestRecord> read_all(const BatchView& batch) {
  RecordStream stream;
  REQUIRE(stream.start(batch, 1 << 20).has_value());
  std::vector<TestRecord> records;
  while (const auto record = *stream.next()) {
    auto& read = records.emplace_back(
        TestRecord{text(record->key), text(record->value), batch.base_timestamp() + record->timestamp_delta});
    for (const auto& header : record->headers) {
      read.headers.push_back({std::string{as_text(header.key)}, text(header.value)});
    }
  }
  return records;
}

}  // namespace

TEST_CASE("other implementations' batches are valid and hold their records", "[captures]") {
  const std::string name = GENERATE(as<std::string>{}, "java-none", "java-gzip", "java-snappy", "java-lz4", "java-zstd",
                                    "java-idempotent", "java-transactional", "python-none", "python-gzip");
  CAPTURE(name);
  auto bytes = capture(name);
  const auto before = bytes;
  BatchValidator validator;
  const auto outcome = validator.validate(bytes, {}, kSomeTime);
  REQUIRE(outcome.has_value());
  CHECK(bytes == before);
  CHECK(outcome->max_timestamp_offset_delta == 3);
  CHECK(read_all(outcome->batch) == captured_records());
}

TEST_CASE("our uncompressed batches are Java's byte for byte", "[captures]") {
  CHECK(test::batch_from(captured_records()) == capture("java-none"));
  CHECK(test::batch_from(captured_records(), {.partition_leader_epoch = LeaderEpoch{2},
                                              .producer_id = ProducerId{4711},
                                              .producer_epoch = ProducerEpoch{3},
                                              .base_sequence = 17}) == capture("java-idempotent"));
}

TEST_CASE("our end of a transaction is Java's byte for byte", "[captures]") {
  const bool committed = GENERATE(true, false);
  const auto ours = build_end_transaction({.base_offset = Offset{42},
                                           .partition_leader_epoch = LeaderEpoch{2},
                                           .producer_id = ProducerId{4711},
                                           .producer_epoch = ProducerEpoch{3},
                                           .timestamp = kSomeTime},
                                          {.committed = committed, .coordinator_epoch = 9});
  CHECK(ours == capture(committed ? "java-commit" : "java-abort"));
}
