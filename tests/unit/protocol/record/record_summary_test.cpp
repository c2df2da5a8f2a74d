#include "protocol/record/record_summary.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "protocol/record/batch_view.hpp"
#include "tests/support/batches.hpp"

namespace {

using namespace sluice;
using namespace sluice::record;
using test::kSomeTime;

/// The same by way of the plain reader, a field at a time.
Result<RecordSummary> summary_by_walker(ByteView records, std::int32_t count, Timestamp base) {
  RecordWalker walker{records, count};
  RecordSummary summary;
  for (std::int32_t index = 0;; ++index) {
    const auto record = walker.next();
    if (!record) return record.error();
    if (!*record) return summary;
    const auto timestamp = timestamp_of(base, (*record)->timestamp_delta);
    if (timestamp != kNoTimestamp) summary.timestamp_min = std::min(summary.timestamp_min, timestamp);
    if (timestamp > summary.timestamp_max) {
      summary.timestamp_max = timestamp;
      summary.timestamp_max_offset_delta = (*record)->offset_delta;
    }
    summary.has_null_key |= !(*record)->key;
    summary.offsets_are_dense &= (*record)->offset_delta == index;
  }
}

void check_agreement(ByteView records, std::int32_t count, Timestamp base) {
  const auto quick = summarise(records, count, base);
  const auto plain = summary_by_walker(records, count, base);
  REQUIRE(quick.has_value() == plain.has_value());
  if (quick.has_error()) {
    CHECK(quick.error() == plain.error());
    return;
  }
  CHECK(quick->timestamp_min == plain->timestamp_min);
  CHECK(quick->timestamp_max == plain->timestamp_max);
  CHECK(quick->timestamp_max_offset_delta == plain->timestamp_max_offset_delta);
  CHECK(quick->has_null_key == plain->has_null_key);
  CHECK(quick->offsets_are_dense == plain->offsets_are_dense);
}

test::Bytes varied_batch() {
  std::vector<test::TestRecord> records;
  for (int i = 0; i < 12; ++i) {
    auto& record = records.emplace_back();
    if (i % 3 != 0) record.key = std::string(static_cast<std::size_t>(i) * 9, 'k');
    if (i % 4 != 0) record.value = std::string(static_cast<std::size_t>(i) * 30, 'v');
    record.timestamp = i == 5 ? kNoTimestamp : kSomeTime + i * i * i * 1000;
    if (i % 5 == 2) record.headers = {{"h", "v"}, {"n", std::nullopt}};
  }
  return test::batch_from(records);
}

}  // namespace

TEST_CASE("the summary of records is that of reading them one by one", "[record]") {
  const auto bytes = varied_batch();
  const auto batch = *BatchView::parse(bytes);
  check_agreement(batch.records(), batch.record_count(), batch.base_timestamp());
  for (std::int32_t count = -1; count < 15; ++count) check_agreement(batch.records(), count, batch.base_timestamp());
}

TEST_CASE("a batch of a hundred thousand records has long offset deltas", "[record]") {
  const auto bytes = test::batch_of(100'000, 10);
  const auto batch = *BatchView::parse(bytes);
  const auto summary = summarise(batch.records(), batch.record_count(), batch.base_timestamp());
  REQUIRE(summary.has_value());
  CHECK(summary->offsets_are_dense);
  CHECK(summary->timestamp_max == kSomeTime + 99'999);
  CHECK(summary->timestamp_max_offset_delta == 99'999);
}

TEST_CASE("damaged records are judged alike by both", "[record]") {
  const auto whole = varied_batch();
  const auto batch = *BatchView::parse(whole);
  const test::Bytes records(batch.records().begin(), batch.records().end());
  std::mt19937 random{11};
  for (int round = 0; round < 20'000; ++round) {
    auto damaged = records;
    for (unsigned i = 0; i < random() % 3; ++i) damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    if (random() % 2 == 0) damaged.resize(random() % damaged.size());
    damaged.shrink_to_fit();  // so that a sanitizer sees a read past the end
    check_agreement(damaged, batch.record_count(), batch.base_timestamp());
  }
}
