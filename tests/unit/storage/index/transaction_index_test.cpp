#include "storage/index/transaction_index.hpp"

#include <catch2/catch.hpp>

#include "storage/errc.hpp"
#include "storage/fs/memory_file_system.hpp"

namespace sluice::storage {
namespace {

constexpr const char* kPath = "/t/00000000000000000100.txnindex";

AbortedTransaction aborted(std::int64_t producer, std::int64_t first, std::int64_t last, std::int64_t stable) {
  return {ProducerId{producer}, Offset{first}, Offset{last}, Offset{stable}};
}

struct Harness {
  MemoryFileSystem fs;
  TransactionIndex index{fs, kPath, Offset{100}};

  Harness() { REQUIRE(fs.create_directories("/t").has_value()); }
  void fill() {
    for (std::int64_t i = 0; i < 300; ++i)
      REQUIRE(index.append(aborted(i % 3, 100 + 10 * i, 105 + 10 * i, 106 + 10 * i)).has_value());
  }
  std::vector<AbortedTransaction> collect(std::int64_t from, std::int64_t to) const {
    std::vector<AbortedTransaction> found;
    REQUIRE(index.collect(Offset{from}, Offset{to}, found).has_value());
    return found;
  }
  Result<> reload(Offset end = Offset{4000}) {
    index.park();
    return TransactionIndex{fs, kPath, Offset{100}}.load(end);
  }
};

TEST_CASE("without an aborted transaction there is no file", "[index]") {
  Harness h;
  CHECK(h.index.load(Offset{100}).has_value());
  CHECK(h.collect(0, 1000).empty());
  CHECK(h.index.truncate_to(Offset{100}).has_value());
  CHECK(h.index.trim().has_value());
  CHECK(h.index.sync().has_value());
  CHECK_FALSE(*h.fs.exists(kPath));
}

TEST_CASE("an entry is 34 bytes, as Kafka has it", "[index]") {
  Harness h;
  REQUIRE(h.index.append(aborted(7, 103, 0x0102, 0x0203)).has_value());
  const auto content = read_file(h.fs, kPath);
  const std::string expected{
      "\0\0"
      "\0\0\0\0\0\0\0\7"
      "\0\0\0\0\0\0\0g"
      "\0\0\0\0\0\0\1\2"
      "\0\0\0\0\0\0\2\3",
      34};
  CHECK(*content == expected);
}

TEST_CASE("a search gives what overlaps, and knows when there can be no more", "[index]") {
  Harness h;
  h.fill();
  CHECK(h.collect(0, 100).empty());
  CHECK(h.collect(100, 101) == std::vector{aborted(0, 100, 105, 106)});
  CHECK(h.collect(105, 106) == std::vector{aborted(0, 100, 105, 106)});
  CHECK(h.collect(106, 110).empty());
  CHECK(h.collect(106, 111) == std::vector{aborted(1, 110, 115, 116)});
  CHECK(h.collect(0, 10'000).size() == 300);
  std::vector<AbortedTransaction> found;
  CHECK(*h.index.collect(Offset{100}, Offset{3090}, found) == AbortsFound::all);
  CHECK(*h.index.collect(Offset{100}, Offset{3097}, found) == AbortsFound::so_far);
}

TEST_CASE("what was written counts once it is published", "[index]") {
  Harness h;
  h.fill();
  const auto late = aborted(1, 3200, 3300, 3301);
  REQUIRE(h.index.write({&late, 1}).has_value());
  CHECK(h.collect(3200, 3301).empty());
  const auto other = aborted(2, 3210, 3310, 3311);
  REQUIRE(h.index.write({&other, 1}).has_value());
  h.index.publish();
  CHECK(h.collect(3200, 3400) == std::vector{other});

  SECTION("and a rest goes with trim") {
    REQUIRE(h.index.write({&late, 1}).has_value());
    REQUIRE(h.index.trim().has_value());
    CHECK(read_file(h.fs, kPath)->size() == 301 * TransactionIndex::kEntryBytes);
  }
  SECTION("a full disk changes nothing") {
    h.fs.inject({.operation = Operation::write, .error = ENOSPC, .stored_bytes = 20});
    CHECK_FALSE(h.index.append(late).has_value());
    CHECK(h.index.count() == 301);
    CHECK(h.collect(3200, 3400) == std::vector{other});
  }
}

TEST_CASE("markers at and past a cut go", "[index]") {
  Harness h;
  h.fill();
  REQUIRE(h.index.truncate_to(Offset{125}).has_value());
  CHECK(h.collect(0, 10'000) == std::vector{aborted(0, 100, 105, 106), aborted(1, 110, 115, 116)});
  CHECK(read_file(h.fs, kPath)->size() == 2 * TransactionIndex::kEntryBytes);
}

TEST_CASE("a file that no log would write is not believed", "[index]") {
  Harness h;
  h.fill();
  REQUIRE(h.reload().has_value());
  CHECK(h.reload(Offset{3095}).error() == Errc::corrupt_index);  // an entry past the segment's end
  const auto damage = [&](std::uint64_t position, std::uint8_t value) {
    auto file = h.fs.open(kPath, OpenMode::existing);
    const std::byte byte{value};
    REQUIRE((*file)->write_at(position, ByteView{&byte, 1}).has_value());
  };
  SECTION("of another version") { damage(34 * 200 + 1, 1); }
  SECTION("with a negative producer") { damage(34 * 200 + 2, 0x80); }
  SECTION("with a first offset behind its marker") { damage(34 * 200 + 12, 1); }
  SECTION("with markers that do not ascend") { damage(34 * 200 + 24, 0); }
  SECTION("with a stable offset that falls") { damage(34 * 200 + 32, 0); }
  SECTION("cut in the middle of an entry") {
    auto file = h.fs.open(kPath, OpenMode::existing);
    REQUIRE((*file)->truncate(34 * 200 + 33).has_value());
  }
  CHECK(h.reload().error() == Errc::corrupt_index);
}

}  // namespace
}  // namespace sluice::storage
