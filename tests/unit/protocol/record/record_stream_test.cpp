#include "protocol/record/record_stream.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "tests/support/batches.hpp"

namespace {

using namespace sluice;
using namespace sluice::record;
using test::Bytes;
using test::TestRecord;

constexpr std::size_t kPlenty = 1 << 26;

auto any_codec() {
  return GENERATE(Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd);
}

std::optional<std::string> text(std::optional<ByteView> bytes) {
  if (!bytes) return std::nullopt;
  return std::string{as_text(*bytes)};
}

class RandomRecords {
 public:
  explicit RandomRecords(unsigned seed) : random_(seed) {}

  std::vector<TestRecord> some(unsigned count, unsigned bytes_max) {
    std::vector<TestRecord> records(count);
    for (auto& record : records) {
      record.key = nullable(20);
      record.value = nullable(bytes_max);
      record.timestamp = test::kSomeTime + static_cast<std::int64_t>(random_() % 100'000) - 50'000;
      record.headers.resize(random_() % 4);
      for (auto& header : record.headers) header = {nullable(5).value_or(""), nullable(100)};
    }
    return records;
  }

 private:
  std::optional<std::string> nullable(unsigned bytes_max) {
    if (random_() % 5 == 0) return std::nullopt;
    std::string bytes(random_() % bytes_max, ' ');
    for (auto& byte : bytes) byte = static_cast<char>(random_() % 2 == 0 ? 'x' : random_());
    return bytes;
  }

  std::mt19937 random_;
};

std::vector<TestRecord> read_all(RecordStream& stream, const BatchView& batch) {
  REQUIRE(stream.start(batch, kPlenty).has_value());
  std::vector<TestRecord> records;
  for (;;) {
    const auto record = stream.next();
    REQUIRE(record.has_value());
    if (!*record) return records;
    CHECK((*record)->offset_delta == static_cast<std::int32_t>(records.size()));
    auto& read = records.emplace_back();
    read.key = text((*record)->key);
    read.value = text((*record)->value);
    read.timestamp = batch.base_timestamp() + (*record)->timestamp_delta;
    for (const auto& header : (*record)->headers) {
      read.headers.push_back({std::string{as_text(header.key)}, text(header.value)});
    }
  }
}

}  // namespace

TEST_CASE("records come back from a batch of any codec as they went in", "[record]") {
  const auto codec = any_codec();
  CAPTURE(static_cast<int>(codec));
  RecordStream stream;
  for (const unsigned bytes_max : {10U, 1000U, 200'000U}) {
    const auto records = RandomRecords{bytes_max}.some(50, bytes_max);
    const auto bytes = test::batch_from(records, {.compression = codec});
    CHECK(read_all(stream, *BatchView::parse(bytes)) == records);
  }
}

TEST_CASE("shapes are the same whether or not records fit the window", "[record]") {
  const auto codec = any_codec();
  CAPTURE(static_cast<int>(codec));
  const auto records = RandomRecords{3}.some(40, 300'000);
  const auto bytes = test::batch_from(records, {.compression = codec});
  const auto batch = *BatchView::parse(bytes);
  RecordStream stream;
  REQUIRE(stream.start(batch, kPlenty).has_value());
  for (const auto& record : records) {
    const auto shape = stream.next_shape();
    REQUIRE((shape && *shape));
    CHECK((*shape)->has_key == record.key.has_value());
    CHECK(batch.base_timestamp() + (*shape)->timestamp_delta == record.timestamp);
  }
  const auto end = stream.next_shape();
  REQUIRE(end.has_value());
  CHECK_FALSE(*end);
}

TEST_CASE("a large record may be passed over and the next one read", "[record]") {
  const auto codec = any_codec();
  const std::string large(500'000, 'x');
  const auto bytes = test::batch({{"k", large}, {"l", "small"}}, {.compression = codec});
  RecordStream stream;
  REQUIRE(stream.start(*BatchView::parse(bytes), kPlenty).has_value());
  CHECK(*stream.next_shape());
  const auto record = stream.next();
  REQUIRE((record && *record));
  CHECK(as_text(*(*record)->value) == "small");
}

TEST_CASE("a batch without records ends at once", "[record]") {
  const auto bytes = test::batch({}, {.compression = any_codec()});
  RecordStream stream;
  REQUIRE(stream.start(*BatchView::parse(bytes), kPlenty).has_value());
  const auto record = stream.next();
  REQUIRE(record.has_value());
  CHECK_FALSE(*record);
}

TEST_CASE("a count that differs from the records is an error in any codec", "[record]") {
  auto bytes = test::batch({{"a", "1"}, {"b", "2"}}, {.compression = any_codec()});
  const auto read = [&](std::int32_t count) {
    store_be(bytes.data() + at::kRecordCount, count);
    RecordStream stream;
    REQUIRE(stream.start(*BatchView::parse(bytes), kPlenty).has_value());
    for (;;) {
      const auto record = stream.next_shape();
      if (!record) return record.error();
      if (!*record) return std::error_code{};
    }
  };
  CHECK(read(1) == Errc::trailing_bytes);
  CHECK(read(2) == std::error_code{});
  CHECK(read(3) == Errc::records_missing);
}

TEST_CASE("a stream of records stops at the bound on its bytes", "[record]") {
  const auto codec = GENERATE(Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd);
  const bool passes_over = GENERATE(true, false);
  const auto bytes = test::batch({{"k", std::string(8 << 20, '\0')}}, {.compression = codec});
  RecordStream stream;
  REQUIRE(stream.start(*BatchView::parse(bytes), 1 << 20).has_value());
  if (passes_over) {
    CHECK(stream.next_shape().error() == Errc::decompressed_too_large);
  } else {
    CHECK(stream.next().error() == Errc::decompressed_too_large);
  }
}
