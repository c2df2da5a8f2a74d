#include "broker/raft/raft_codec.hpp"
#include "storage/errc.hpp"
#include "tests/unit/broker/raft/raft_store_harness.hpp"

namespace sluice::test {
namespace {

const auto kDamaged = std::make_error_code(std::errc::bad_message);

SnapshotMeta incoming(const std::string& bytes, std::int64_t index, std::int64_t term) {
  return {.index = LogIndex{index},
          .term = Term{term},
          .configuration = voters({1, 2, 3}),
          .configuration_index = LogIndex{1},
          .bytes = static_cast<std::int64_t>(bytes.size()),
          .checksum = crc32c(as_byte_view(bytes))};
}

/// The bytes that a snapshot of another server holds.
std::string packed(const std::string& state) {
  StoreHarness other;
  other.open();
  other.append(1, 1, 0);
  const auto meta = other.snapshot(1, state);
  return other.store->snapshot_bytes(meta, 0, 1 << 20).value();
}

}  // namespace

TEST_CASE("a fresh store has nothing but the voters of the start", "[raft]") {
  StoreHarness disk;
  disk.open();
  CHECK(disk.store->hard_state() == HardState{});
  CHECK(disk.store->first_index() == LogIndex{1});
  CHECK(disk.store->last_index() == kNoIndex);
  CHECK(disk.store->snapshot().configuration == voters({1, 2, 3}));
  CHECK(disk.store->term(kNoIndex) == kNoTerm);
}

TEST_CASE("votes and entries that were reported survive a loss of power", "[raft]") {
  StoreHarness disk;
  disk.open();
  disk.vote(4, 2);
  disk.append(1, 20, 3);
  disk.append(21, 25, 4);
  const auto before = disk.all();
  auto& store = disk.crash_and_open();
  CHECK(store.hard_state() == HardState{Term{4}, replica(2)});
  CHECK(disk.all() == before);
  CHECK(store.term(LogIndex{20}) == Term{3});
  CHECK(store.term(LogIndex{21}) == Term{4});
}

TEST_CASE("entries take the place of those that contradict them", "[raft]") {
  StoreHarness disk;
  disk.open();
  disk.vote(5, 2);
  disk.append(1, 10, 1);
  disk.append(11, 20, 2);

  SECTION("where a batch begins") {
    disk.append(11, 12, 5);
    CHECK(disk.store->last_index() == LogIndex{12});
    CHECK(disk.store->term(LogIndex{10}) == Term{1});
  }
  SECTION("in the middle of one, of which the beginning stays") {
    disk.append(15, 16, 5);
    CHECK(disk.store->last_index() == LogIndex{16});
    CHECK(disk.store->term(LogIndex{14}) == Term{2});
    CHECK(disk.store->term(LogIndex{15}) == Term{5});
  }
  const auto before = disk.all();
  disk.crash_and_open();
  CHECK(disk.all() == before);
}

TEST_CASE("entries that memory no longer holds are read from the log", "[raft]") {
  StoreHarness disk;
  disk.open();
  disk.vote(1, 1);
  for (int block = 0; block < 12; ++block) {
    std::vector<Entry> entries;
    for (int i = 1; i <= 10; ++i) entries.push_back(entry(block * 10 + i, 1, std::string(100'000, 'x')));
    disk.write({.entries = std::move(entries)});
  }
  const auto some = disk.store->entries(LogIndex{5}, LogIndex{50}, 350'000);
  REQUIRE(some.size() == 3);
  CHECK(some.front().index == LogIndex{5});
  CHECK(disk.store->entries(LogIndex{6}, LogIndex{50}, 1).size() == 1);
  CHECK(disk.store->entries(LogIndex{6}, LogIndex{7}, 1 << 20).size() == 1);
  CHECK(disk.store->entries(LogIndex{121}, LogIndex{130}, 1 << 20).empty());
}

TEST_CASE("the log reaches back to the snapshot before the last, three snapshots are kept", "[raft]") {
  StoreHarness disk;
  disk.open();
  disk.vote(1, 1);
  for (int round = 0; round < 5; ++round) {
    disk.append(round * 10 + 1, round * 10 + 10, 1);
    disk.snapshot(round * 10 + 5, "state " + std::to_string(round));
  }
  CHECK(disk.snapshot_files().size() == 3);
  CHECK(disk.store->snapshot().index == LogIndex{45});
  CHECK(disk.store->first_index() == LogIndex{36});
  CHECK(disk.store->term(LogIndex{35}) == Term{1});
  auto& store = disk.crash_and_open();
  CHECK(store.snapshot().index == LogIndex{45});
  CHECK(store.first_index() <= LogIndex{36});
  CHECK(store.last_index() == LogIndex{50});
  CHECK(store.load_snapshot().value() == "state 4");
}

TEST_CASE("a damaged snapshot is put aside for the one before, as long as the log reaches back to it", "[raft]") {
  StoreHarness disk;
  disk.open();
  disk.vote(1, 1);
  disk.append(1, 30, 1);
  disk.snapshot(10, "ten");
  disk.snapshot(20, "twenty");
  disk.damage(disk.snapshot_files().back(), 1);
  auto& store = disk.open();
  CHECK(store.snapshot().index == LogIndex{10});
  CHECK(store.load_snapshot().value() == "ten");
  CHECK(store.last_index() == LogIndex{30});
  CHECK(disk.snapshot_files(".damaged").size() == 1);

  SECTION("or without any, from its beginning") {
    disk.damage(disk.snapshot_files().front(), 1);
    if (disk.open().first_index() == LogIndex{1}) CHECK(disk.store->snapshot().index == kNoIndex);
  }
}

TEST_CASE("a snapshot of the leader takes the place of the log", "[raft]") {
  StoreHarness disk;
  disk.open();
  disk.vote(3, 2);
  disk.append(1, 5, 1);
  const auto bytes = packed("the state of the leader");
  const auto meta = incoming(bytes, 100, 3);
  const auto half = bytes.size() / 2;
  disk.write({.parts = {{meta, 0, false, bytes.substr(0, half)}}});

  SECTION("once all of it is there") {
    const auto last =
        disk.store->write({.parts = {{meta, static_cast<std::int64_t>(half), true, bytes.substr(half)}}}, kStoreTime);
    REQUIRE(last);
    CHECK_FALSE(last->is_snapshot_damaged);
    const auto installed = disk.store->write({.install = meta, .entries = {entry(101, 3)}}, kStoreTime);
    REQUIRE(installed);
    CHECK(installed->installed == "the state of the leader");
    for (int restart = 0; restart < 2; ++restart) {
      CHECK(disk.store->snapshot() == meta);
      CHECK(disk.store->first_index() == LogIndex{101});
      CHECK(disk.store->last_index() == LogIndex{101});
      CHECK(disk.store->term(LogIndex{100}) == Term{3});
      disk.crash_and_open();
    }
    CHECK(disk.store->load_snapshot().value() == "the state of the leader");
  }
  SECTION("unless it is not what its name says") {
    auto wrong = bytes.substr(half);
    wrong.back() = static_cast<char>(wrong.back() ^ 1);
    const auto last = disk.store->write({.parts = {{meta, static_cast<std::int64_t>(half), true, wrong}}}, kStoreTime);
    REQUIRE(last);
    CHECK(last->is_snapshot_damaged);
  }
}

TEST_CASE("a log that was closed is opened as it is, and one that was not is synced first", "[raft]") {
  StoreHarness disk;
  disk.open();
  disk.vote(3, 1);
  disk.append(1, 10, 1);
  disk.append(11, 20, 2);
  const auto before = disk.all();
  const bool closed = GENERATE(true, false);
  if (closed) REQUIRE(disk.store->close());
  disk.fs.inject({.operation = storage::Operation::sync, .path_contains = ".log", .error = EIO});
  const auto error = disk.try_open();
  disk.fs.clear_faults();
  if (!closed) {
    CHECK(error == std::errc::io_error);
    return;
  }
  REQUIRE_FALSE(error);
  CHECK(disk.all() == before);
  CHECK(disk.store->term(LogIndex{20}) == Term{2});

  // What is written from now on is found, however that process ends, and whatever became of the word of the closing.
  disk.append(21, 22, 2);
  disk.append(15, 22, 3);
  const auto after = disk.all();
  const auto policy = GENERATE(storage::CrashPolicy::lose_unsynced, storage::CrashPolicy::keep_unsynced);
  disk.crash_and_open(policy);
  CHECK(disk.all() == after);
}

TEST_CASE("that a log was closed is not believed of one that has changed", "[raft]") {
  StoreHarness disk;
  disk.open();
  disk.vote(2, 1);
  disk.append(1, 10, 1);
  disk.append(11, 20, 2);
  REQUIRE(disk.store->close());
  disk.store.reset();
  SECTION("by a bit") {
    disk.damage(disk.log_file(), GENERATE(400, 500));
    CHECK(disk.try_open() == kDamaged);
    CHECK(disk.try_open() == kDamaged);
  }
  SECTION("by what came behind it") {
    const auto log = disk.fs.open(disk.log_file(), storage::OpenMode::existing);
    REQUIRE(log);
    REQUIRE((*log)->write_at((*log)->size().value(), as_byte_view("half a batch")));
    disk.open();
    CHECK(disk.store->last_index() == LogIndex{20});
    disk.append(21, 21, 2);
    CHECK(disk.crash_and_open().last_index() == LogIndex{21});
  }
  SECTION("or of a word that makes no sense") {
    disk.damage(disk.options.directory + "/closed-at", 3);
    disk.fs.inject({.operation = storage::Operation::sync, .path_contains = ".log", .error = EIO});
    CHECK(disk.try_open() == std::errc::io_error);
  }
}

TEST_CASE("a voter with a damaged log or without its votes does not start", "[raft]") {
  StoreHarness disk;
  disk.open();
  disk.vote(2, 1);
  disk.append(1, 10, 1);
  disk.append(11, 20, 2);

  SECTION("a bit in the middle of the log turned") { disk.damage(disk.log_file(), 500); }
  SECTION("the votes are gone") { REQUIRE(disk.fs.remove(disk.options.directory + "/quorum-state")); }
  SECTION("a bit of the votes turned") { disk.damage(disk.options.directory + "/quorum-state", 1); }
  SECTION("the log lost its end below a snapshot") {
    disk.snapshot(15, "fifteen");
    disk.store.reset();
    const auto log = disk.fs.open(disk.log_file(), storage::OpenMode::existing);
    REQUIRE(log);
    REQUIRE((*log)->truncate((*log)->size().value() / 2 + 10));
  }
  SECTION("the votes are older than the log") {
    disk.store.reset();
    REQUIRE(write_votes(disk.fs, disk.options.directory, {replica(1), {Term{1}, {}}, true}));
  }
  CHECK(disk.try_open() == kDamaged);
  CHECK(disk.try_open() == kDamaged);  // nothing was repaired
}

TEST_CASE("a learner throws a damaged log away and asks for it again", "[raft]") {
  StoreHarness disk;
  disk.options.self = replica(7);
  disk.open();
  disk.write({.hard_state = HardState{Term{2}, {}}});
  disk.append(1, 10, 1);
  disk.append(11, 20, 2);

  SECTION("but not once it was a voter") {
    auto promoted = entry(21, 2);
    promoted.type = EntryType::configuration;
    promoted.configuration = voters({1, 2, 7});
    promoted.checksum = checksum_of(promoted);
    disk.write({.entries = {promoted}});
    disk.damage(disk.log_file(), 600);
    CHECK(disk.try_open() == kDamaged);
  }
  SECTION("with what it knows of terms") {
    disk.damage(disk.log_file(), 500);
    auto& store = disk.open();
    CHECK(store.last_index() == kNoIndex);
    CHECK(store.hard_state().term == Term{2});
  }
}

TEST_CASE("a store is not another server's", "[raft]") {
  StoreHarness disk;
  disk.open();
  disk.vote(1, 1);
  disk.options.self = replica(1, 2);
  CHECK(disk.try_open() == storage::Errc::wrong_directory);
}

TEST_CASE("a metadata log of the time before the quorum is left alone", "[raft]") {
  StoreHarness disk;
  storage::LogResources resources{disk.fs};
  auto old = storage::Log::open(resources, disk.options.directory, {}, {}, nullptr);
  REQUIRE(old);
  record::BatchBuilder builder;
  builder.append({.timestamp = kStoreTime, .value = as_byte_view("a metadata record")});
  REQUIRE((*old)->append(*record::MutableBatch::parse(builder.build()), LeaderEpoch{0}, kStoreTime));
  REQUIRE((*old)->close());
  CHECK(disk.try_open() == std::errc::not_supported);
}

}  // namespace sluice::test
