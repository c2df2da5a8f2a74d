#include <catch2/catch.hpp>

#include "storage/errc.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "storage/index/offset_index.hpp"
#include "storage/index/time_index.hpp"

namespace sluice::storage {
namespace {

constexpr Offset kBase{1000};

TEST_CASE("an offset index finds the entry at or below, by offset and by position", "[index]") {
  MemoryFileSystem fs;
  OffsetIndex index{fs, "/i.index", kBase};
  CHECK(index.lower_entry(Offset{5000}) == OffsetPosition{kBase, 0});
  REQUIRE(index.file().ensure_room(3, 80).has_value());
  index.append({Offset{1010}, 100});
  index.append({Offset{1020}, 200});
  index.append({Offset{1030}, 300});

  CHECK(index.lower_entry(Offset{1009}) == OffsetPosition{kBase, 0});
  CHECK(index.lower_entry(Offset{1010}) == OffsetPosition{Offset{1010}, 100});
  CHECK(index.lower_entry(Offset{1029}) == OffsetPosition{Offset{1020}, 200});
  CHECK(index.entry_at_position(99).position == 0);
  CHECK(index.entry_at_position(300).position == 300);
  index.truncate_to(Offset{1020});
  CHECK(index.last() == OffsetPosition{Offset{1010}, 100});

  SECTION("trimmed it is as Kafka has it, and loads again") {
    REQUIRE(index.file().trim().has_value());
    const auto content = read_file(fs, "/i.index");
    CHECK(content.value() == std::string("\0\0\0\x0a\0\0\0\x64", 8));
    OffsetIndex again{fs, "/i.index", kBase};
    REQUIRE(again.file().load().has_value());
    CHECK(again.last() == OffsetPosition{Offset{1010}, 100});
    CHECK(again.check(101).has_value());
    CHECK(again.check(100).error() == Errc::corrupt_index);
    REQUIRE(again.file().ensure_room(1, 80).has_value());
    again.append({Offset{1011}, 110});
    CHECK(again.count() == 2);
  }
}

TEST_CASE("an index has room for its capacity and no more", "[index]") {
  MemoryFileSystem fs;
  OffsetIndex index{fs, "/i.index", kBase};
  REQUIRE(index.file().ensure_room(2, 23).has_value());
  CHECK(index.file().ensure_room(3, 23).error() == Errc::index_full);
}

TEST_CASE("a full disk is noticed before an entry is stored", "[index]") {
  MemoryFileSystem fs;
  fs.set_capacity(100);
  OffsetIndex index{fs, "/i.index", kBase};
  CHECK(index.file().ensure_room(1, 4096).error() == std::errc::no_space_on_device);
  CHECK(index.count() == 0);
}

TEST_CASE("an index of odd size is in doubt", "[index]") {
  MemoryFileSystem fs;
  REQUIRE(write_file_atomically(fs, "/i.index", "123456789").has_value());
  OffsetIndex index{fs, "/i.index", kBase};
  CHECK(index.file().load().error() == Errc::corrupt_index);
}

TEST_CASE("a time index takes only what is later", "[index]") {
  MemoryFileSystem fs;
  TimeIndex index{fs, "/i.timeindex", kBase};
  REQUIRE(index.file().ensure_room(3, 120).has_value());
  index.append_if_later({Timestamp{50}, Offset{1003}});
  index.append_if_later({Timestamp{50}, Offset{1006}});
  index.append_if_later({Timestamp{70}, Offset{1009}});
  CHECK(index.count() == 2);
  CHECK(index.lower_entry(Timestamp{49}) == TimestampOffset{kNoTimestamp, kBase});
  CHECK(index.lower_entry(Timestamp{69}) == TimestampOffset{Timestamp{50}, Offset{1003}});
  CHECK(index.check().has_value());
  index.truncate_to(Offset{1009});
  CHECK(index.last() == TimestampOffset{Timestamp{50}, Offset{1003}});
}

}  // namespace
}  // namespace sluice::storage
