#include "protocol/record/batch_builder.hpp"
#include "storage/segment/segment_name.hpp"
#include "tests/unit/storage/wal/wal_harness.hpp"

namespace sluice::storage::wal {
namespace {

using Texts = std::vector<std::string>;

std::string first_file() { return segment_path("/data/wal/log", Offset{0}, suffix::kLog); }

std::uint64_t size_of(WalHarness& h) { return (*h.fs.open(first_file(), OpenMode::existing))->size().value(); }

void flip(WalHarness& h, std::uint64_t position) {
  auto file = h.fs.open(first_file(), OpenMode::existing);
  REQUIRE(file.has_value());
  std::byte byte{};
  REQUIRE((*file)->read_at(position, {&byte, 1}).has_value());
  byte ^= std::byte{1};
  REQUIRE((*file)->write_at(position, ByteView{&byte, 1}).has_value());
}

TEST_CASE("a torn tail is cut wherever it was torn, and the write's sequence is free again", "[wal]") {
  WalHarness h;
  h.open();
  h.write(unit(1), "a");
  h.write(unit(1), "b");
  const auto whole = size_of(h);
  h.write(unit(1), "torn", Durability::buffered);
  const auto torn = size_of(h);
  h.wal.reset();
  const auto cut = GENERATE_COPY(range(whole + 1, torn));
  REQUIRE((*h.fs.open(first_file(), OpenMode::existing))->truncate(cut).has_value());
  h.open();
  CHECK(h.report.torn_bytes_cut == cut - whole);
  CHECK((payloads(h.wal->read(unit(1))) == Texts{"a", "b"}));
  CHECK(h.write(unit(1), "c") == Sequence{3});
}

TEST_CASE("damage of what was durable is an error and changes no file", "[wal]") {
  WalHarness h;
  h.open();
  h.write(unit(1), "a");
  h.write(unit(1), "b");
  const auto second = size_of(h);
  h.write(unit(1), "c");
  const auto all = size_of(h);
  h.wal.reset();

  SECTION("anywhere in a batch that a later one knows to be synced") {
    flip(h, GENERATE_COPY(range(std::uint64_t{0}, second)));
    CHECK(h.try_open().error() == Errc::corrupt);
    CHECK(size_of(h) == all);
  }
  SECTION("in the last batch it can't be told from a torn tail") {
    flip(h, second + 70);
    h.open();
    CHECK((payloads(h.wal->read(unit(1))) == Texts{"a", "b"}));
    CHECK(h.report.torn_bytes_cut == all - second);
  }
  SECTION("a clean close knows of the last batch too") {
    h.open();
    REQUIRE(h.wal->close().has_value());
    flip(h, second + 70);
    CHECK(h.try_open().error() == Errc::corrupt);
  }
}

TEST_CASE("damage that a reader meets is an error of the reader", "[wal]") {
  WalHarness h;
  auto& wal = h.open();
  h.write(unit(1), "a");
  const auto first = size_of(h);
  h.write(unit(1), "b");
  flip(h, first + 70);
  auto reader = wal.read(unit(1));
  CHECK(as_text((*reader.next())->payload) == "a");
  CHECK(reader.next().error() == Errc::corrupt);
}

TEST_CASE("a write that fails leaves no gap", "[wal]") {
  WalHarness h;
  auto& wal = h.open();
  h.write(unit(1), "a");
  h.fs.inject({.operation = Operation::write, .path_contains = ".log", .error = ENOSPC, .stored_bytes = 30});
  CHECK(wal.write_one(unit(1), as_byte_view("b")).error() == std::errc::no_space_on_device);
  CHECK(wal.next_sequence(unit(1)) == Sequence{2});
  CHECK(h.write(unit(1), "c") == Sequence{2});
  CHECK((payloads(wal.read(unit(1))) == Texts{"a", "c"}));
}

TEST_CASE("after a failed sync nothing more is written", "[wal]") {
  WalHarness h;
  auto& wal = h.open();
  h.write(unit(1), "a");
  h.fs.inject({.operation = Operation::sync});
  CHECK_FALSE(wal.write_one(unit(1), as_byte_view("b")).has_value());
  CHECK(wal.write_one(unit(1), as_byte_view("c")).error() == Errc::failed);
  CHECK(wal.mark_deleted(unit(1), Sequence{1}).error() == Errc::failed);
  h.crash(CrashPolicy::lose_unsynced);
  CHECK((payloads(h.wal->read(unit(1))) == Texts{"a"}));
}

// What is in the log is hostile too: a batch with a right CRC need not be one of ours.
TEST_CASE("a sound batch that is none of ours is damage", "[wal]") {
  WalHarness h;
  h.open();
  h.write(unit(1), "a");
  const auto end = size_of(h);
  h.wal.reset();
  const auto key =
      GENERATE(as<std::string>{}, "short", std::string(34, '\xff'), std::string(34, '\0'), std::string(35, '\0'));
  record::BatchBuilder builder{{.base_offset = Offset{1}}};
  builder.append({.key = as_byte_view(key), .value = as_byte_view("x")});
  REQUIRE((*h.fs.open(first_file(), OpenMode::existing))->write_at(end, builder.build()).has_value());
  CHECK(h.try_open().error() == Errc::corrupt);
}

}  // namespace
}  // namespace sluice::storage::wal
