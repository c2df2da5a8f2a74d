#include "tests/unit/storage/wal/wal_harness.hpp"

namespace sluice::storage::wal {
namespace {

using Texts = std::vector<std::string>;

TEST_CASE("sequences count the payloads of each unit from 1, whatever the layout", "[wal]") {
  WalHarness h;
  h.options.layout = GENERATE(Layout::shared, Layout::per_region, Layout::per_table);
  auto& wal = h.open();
  CHECK(wal.next_sequence(unit(1)) == kFirstSequence);
  CHECK(h.write(unit(1), "a") == Sequence{1});
  CHECK(h.write(unit(2), "x", Durability::buffered) == Sequence{1});
  const std::array two{as_byte_view("b"), as_byte_view("c")};
  CHECK(wal.write(unit(1), two).value() == SequenceRange{Sequence{2}, Sequence{4}});
  CHECK(wal.write(unit(1), {}).value() == SequenceRange{Sequence{4}, Sequence{4}});
  CHECK(wal.next_sequence(unit(1)) == Sequence{4});
  CHECK((payloads(wal.read(unit(1))) == Texts{"a", "b", "c"}));
  CHECK((payloads(wal.read(unit(2))) == Texts{"x"}));
  CHECK(payloads(wal.read(unit(3))).empty());

  h.reopen();
  CHECK(h.write(unit(1), "d") == Sequence{4});
  CHECK((payloads(h.wal->read(unit(1))) == Texts{"a", "b", "c", "d"}));
  CHECK(h.wal->units().size() == 2);
}

TEST_CASE("reading starts at a sequence and ends before another", "[wal]") {
  WalHarness h;
  auto& wal = h.open();
  for (int i = 1; i <= 200; ++i) {
    h.write(unit(1), std::to_string(i), Durability::buffered);
    h.write(unit(2), std::string(100, 'x'), Durability::buffered);
  }
  const auto found = drain(wal.read(unit(1), Sequence{150}, Sequence{153}));
  REQUIRE(found.size() == 3);
  CHECK(found.front() == Read{unit(1), 150, "150"});
  CHECK(found.back() == Read{unit(1), 152, "152"});
  CHECK(drain(wal.read(unit(1), Sequence{199})).size() == 2);
  CHECK(drain(wal.read(unit(1), Sequence{201})).empty());
  CHECK(drain(wal.read(unit(1), Sequence{5}, Sequence{5})).empty());
}

TEST_CASE("a scan yields every unit's entries, those of a log in the order of their writes", "[wal]") {
  WalHarness h;
  h.options.layout = GENERATE(Layout::shared, Layout::per_region);
  auto& wal = h.open();
  h.write(unit(1), "a");
  h.write(unit(2), "b");
  h.write(unit(1), "c");
  h.write(unit(7, 2), "d");
  CHECK((payloads(wal.scan()) == Texts{"a", "b", "c", "d"}));
  REQUIRE(wal.mark_deleted(unit(1), Sequence{1}).has_value());
  CHECK((payloads(wal.scan()) == Texts{"b", "c", "d"}));
  CHECK(drain(wal.scan()).at(1) == Read{unit(1), 2, "c"});
}

TEST_CASE("a reader sees what was written before it was made", "[wal]") {
  WalHarness h;
  auto& wal = h.open();
  h.write(unit(1), "a");
  auto reader = wal.read(unit(1));
  h.write(unit(1), "b");
  CHECK((payloads(std::move(reader)) == Texts{"a"}));
}

TEST_CASE("a batch of several units is one write, unless they lie in different logs", "[wal]") {
  WalHarness h;
  const std::array first{as_byte_view("a"), as_byte_view("b")};
  const std::array second{as_byte_view("c")};
  std::array parts{UnitWrite{unit(1), first}, UnitWrite{unit(2), second}, UnitWrite{unit(1), second}};

  SECTION("together") {
    auto& wal = h.open();
    REQUIRE(wal.write_batch(parts).has_value());
    CHECK(parts[0].assigned == SequenceRange{Sequence{1}, Sequence{3}});
    CHECK(parts[1].assigned == SequenceRange{Sequence{1}, Sequence{2}});
    CHECK(parts[2].assigned == SequenceRange{Sequence{3}, Sequence{4}});
    CHECK((payloads(wal.read(unit(1))) == Texts{"a", "b", "c"}));
  }
  SECTION("apart") {
    h.options.layout = Layout::per_table;
    CHECK(h.open().write_batch(parts).error() == Errc::several_logs);
    CHECK(h.wal->units().empty());
  }
}

TEST_CASE("a synced write outlives a power failure, a buffered one the process", "[wal]") {
  WalHarness h;
  h.options.layout = GENERATE(Layout::shared, Layout::per_region, Layout::per_table);
  h.open();
  h.write(unit(1), "synced");
  h.write(unit(1), "buffered", Durability::buffered);

  SECTION("the machine stops") {
    h.crash(CrashPolicy::lose_unsynced);
    CHECK((payloads(h.wal->read(unit(1))) == Texts{"synced"}));
    CHECK(h.write(unit(1), "again") == Sequence{2});
  }
  SECTION("the process stops; what the next one was shown stays") {
    h.open();
    CHECK((payloads(h.wal->read(unit(1))) == Texts{"synced", "buffered"}));
    h.crash(CrashPolicy::lose_unsynced);
    CHECK((payloads(h.wal->read(unit(1))) == Texts{"synced", "buffered"}));
  }
  SECTION("a sync of all covers it") {
    REQUIRE(h.wal->sync().has_value());
    h.crash(CrashPolicy::lose_unsynced);
    CHECK((payloads(h.wal->read(unit(1))) == Texts{"synced", "buffered"}));
  }
}

TEST_CASE("a mark is durable when it returns and never goes back", "[wal]") {
  WalHarness h;
  auto& wal = h.open();
  CHECK(wal.mark_deleted(unit(1), Sequence{1}).error() == Errc::out_of_range);
  for (int i = 1; i <= 5; ++i) h.write(unit(1), std::to_string(i), Durability::buffered);
  CHECK(wal.mark_deleted(unit(1), Sequence{6}).error() == Errc::out_of_range);
  REQUIRE(wal.mark_deleted(unit(1), Sequence{3}).has_value());
  REQUIRE(wal.mark_deleted(unit(1), Sequence{2}).has_value());
  h.crash(CrashPolicy::lose_unsynced);
  CHECK((payloads(h.wal->read(unit(1))) == Texts{"4", "5"}));
  CHECK((payloads(h.wal->scan()) == Texts{"4", "5"}));
  CHECK(h.wal->units().front().deleted_up_to == Sequence{3});
  REQUIRE(h.wal->mark_deleted(unit(1), Sequence{5}).has_value());
  CHECK(payloads(h.wal->scan()).empty());
}

TEST_CASE("where the log was emptied the next sequence is remembered", "[wal]") {
  WalHarness h;
  h.options.layout = GENERATE(Layout::shared, Layout::per_table);
  h.open();
  for (int i = 0; i < 100; ++i) h.write(unit(1), std::string(200, 'x'), Durability::buffered);
  h.write(unit(2), "kept for long", Durability::buffered);
  const auto before = h.wal->size_bytes();
  REQUIRE(h.wal->mark_deleted(unit(1), Sequence{100}).has_value());
  REQUIRE(h.wal->mark_deleted(unit(2), Sequence{1}).has_value());
  CHECK(h.wal->reclaim().value() > before * 9 / 10);
  CHECK(h.wal->size_bytes() < 1000);
  CHECK(h.wal->reclaim().value() == 0);
  for (int round = 0; round < 3; ++round) {
    h.crash(CrashPolicy::lose_unsynced);
    CHECK(h.wal->next_sequence(unit(1)) == Sequence{101});
    CHECK(h.wal->next_sequence(unit(2)) == Sequence{2});
    CHECK(payloads(h.wal->scan()).empty());
  }
  CHECK(h.write(unit(1), "y") == Sequence{101});
}

TEST_CASE("space is given back as far as the oldest entry that is needed", "[wal]") {
  WalHarness h;
  auto& wal = h.open();
  for (int i = 0; i < 100; ++i) h.write(unit(1), std::string(200, 'x'), Durability::buffered);
  h.write(unit(2), "needed", Durability::buffered);
  for (int i = 0; i < 100; ++i) h.write(unit(1), std::string(200, 'x'), Durability::buffered);
  CHECK(wal.reclaim().value() == 0);
  const auto all = wal.size_bytes();
  REQUIRE(wal.mark_deleted(unit(1), Sequence{200}).has_value());
  REQUIRE(wal.reclaim().has_value());
  CHECK(wal.size_bytes() < all * 6 / 10);
  CHECK(wal.size_bytes() > all * 4 / 10);
  h.crash(CrashPolicy::lose_unsynced);
  CHECK((payloads(h.wal->scan()) == Texts{"needed"}));
  CHECK(h.wal->next_sequence(unit(1)) == Sequence{201});
}

TEST_CASE("a directory keeps its layout", "[wal]") {
  WalHarness h;
  h.open();
  h.write(unit(1), "a");
  REQUIRE(h.wal->close().has_value());
  h.options.layout = Layout::per_table;
  CHECK(h.try_open().error() == Errc::wrong_layout);
  REQUIRE(h.fs.remove("/data/wal/wal.layout").has_value());
  CHECK(h.try_open().error() == Errc::wrong_layout);
}

TEST_CASE("a batch that no segment can hold is refused, one that just fits is not", "[wal]") {
  WalHarness h;
  auto& wal = h.open();
  const std::string large(5000, 'x');
  CHECK(wal.write_one(unit(1), as_byte_view(large)).error() == Errc::write_too_large);
  const std::string fits(3900, 'x');
  CHECK(h.write(unit(1), fits) == Sequence{1});
  CHECK((payloads(wal.read(unit(1))) == Texts{fits}));
  CHECK(h.write(unit(1), "") == Sequence{2});
  CHECK((payloads(wal.read(unit(1), Sequence{2})) == Texts{""}));
}

TEST_CASE("a clean close leaves nothing to cut and writes no more than once", "[wal]") {
  WalHarness h;
  h.open();
  h.write(unit(1), "a");
  h.reopen();
  CHECK(h.report.torn_bytes_cut == 0);
  const auto size = h.wal->size_bytes();
  h.reopen();
  CHECK(h.wal->size_bytes() == size);
  CHECK(h.report.bytes_read == size);
}

}  // namespace
}  // namespace sluice::storage::wal
