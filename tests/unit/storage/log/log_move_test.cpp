#include "storage/log/log_move.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <memory>
#include <string>

#include "storage/fs/memory_file_system.hpp"
#include "storage/log_manager.hpp"
#include "tests/support/batches.hpp"
#include "tests/support/result_printer.hpp"

namespace sluice::storage {
namespace {

using test::kSomeTime;

const TopicPartition kPartition{"t", PartitionId{0}};
const Uuid kTopic = Uuid::random();
const ProducerId kProducer{7};
constexpr LogOptions kSmallSegments{.segment_bytes = 2000, .index_interval_bytes = 300, .segment_index_bytes = 12'000};

void run_in_order(std::vector<std::function<void()>> jobs) {
  for (auto& job : jobs) job();
}

/// A partition in "/a" with an idempotent producer, and "/b" to move it to.
struct Harness {
  MemoryFileSystem fs{std::uint64_t{1} << 20};
  std::unique_ptr<LogManager> logs;
  std::shared_ptr<Log> log;
  std::int32_t sequence = 0;

  void open() {
    log.reset();
    logs.reset();
    logs = LogManager::open(fs, {"/a", "/b"}, {.cluster_id = "cluster", .node_id = BrokerId{1}}).value();
    REQUIRE(logs->load_all([](const TopicPartition&) { return kSmallSegments; }, kSomeTime, run_in_order));
    log = logs->find(kPartition);
  }
  void create() {
    open();
    log = logs->create(kPartition, kTopic, kSmallSegments, kSomeTime).value();
    REQUIRE(logs->sync_created());
  }
  Result<Appended> append_at(std::int32_t at) const {
    auto bytes =
        test::batch_of(1, 200, {.producer_id = kProducer, .producer_epoch = ProducerEpoch{0}, .base_sequence = at});
    return log->append(*record::MutableBatch::parse(bytes), LeaderEpoch{3}, kSomeTime);
  }
  void append(int batches) {
    for (int i = 0; i < batches; ++i) {
      const auto appended = append_at(sequence++);
      REQUIRE(appended);
      REQUIRE_FALSE(appended->duplicate);
    }
  }
  /// Whether every batch is there, at its offset.
  void check_records(Offset end) const {
    auto from = log->log_start_offset();
    while (from < end) {
      const auto slice = log->read(from, 1 << 20, end, true);
      REQUIRE(slice);
      REQUIRE_FALSE(slice->empty());
      std::vector<std::byte> bytes(slice->size);
      REQUIRE(slice->read(bytes));
      for (record::BatchWalker walker{bytes}; const auto batch = walker.next();) {
        CHECK(batch->base_offset() == from);
        CHECK(batch->crc_matches());
        from = batch->next_offset();
      }
    }
    CHECK(from == end);
  }
  Result<bool> move_all() {
    const auto begun = logs->begin_move(kPartition, "/b");
    if (!begun) return {boost::system::in_place_error, begun.error()};
    while (true) {
      const auto copied = (*begun)->copy(1500);
      if (!copied) return copied;
      if (!*copied) continue;
      const auto finished = logs->finish_move(kPartition, kSomeTime);
      if (!finished || *finished) return finished;
    }
  }
};

}  // namespace

TEST_CASE("a log moves to another directory while it is read and written", "[log_move]") {
  Harness harness;
  harness.create();
  harness.append(30);
  REQUIRE(harness.log->advance_log_start(Offset{5}));
  const auto held = harness.log->read(Offset{5}, 1 << 20, Offset{30}, true).value();
  auto move = harness.logs->begin_move(kPartition, "/b").value();
  CHECK(harness.logs->begin_move(kPartition, "/b").error() == std::errc::device_or_resource_busy);
  CHECK(harness.logs->moves().size() == 1);
  for (int i = 0; i < 5; ++i) {
    REQUIRE(move->copy(1000));
    harness.append(2);  // rolls, too
  }
  REQUIRE(harness.log->advance_log_start(Offset{12}));  // what is copied already goes
  while (!move->copy(1 << 20).value()) {
  }
  REQUIRE(harness.logs->finish_move(kPartition, kSomeTime).value());
  move.reset();

  CHECK(harness.logs->moves().empty());
  CHECK(harness.logs->directory_of(kPartition) == "/b");
  CHECK(harness.log->directory() == "/b/t-0");
  CHECK_FALSE(harness.fs.exists("/a/t-0").value());
  CHECK(harness.log->log_start_offset() == Offset{12});
  CHECK(harness.log->log_end_offset() == Offset{40});
  CHECK(harness.log->synced_end_offset() == Offset{40});
  CHECK(harness.log->latest_leader_epoch() == LeaderEpoch{3});
  std::vector<std::byte> bytes(held.size);
  CHECK(held.read(bytes));  // a reader that had it goes on
  harness.check_records(Offset{40});

  SECTION("producers go on where they were") {
    CHECK(harness.append_at(39).value().duplicate);
    CHECK(harness.append_at(45).error() == Errc::out_of_order_sequence);
    harness.append(5);
    harness.check_records(Offset{45});
  }
  SECTION("and so does the next process") {
    harness.append(3);
    REQUIRE(harness.logs->close({}, run_in_order));
    harness.open();
    REQUIRE(harness.log != nullptr);
    CHECK(harness.logs->directory_of(kPartition) == "/b");
    CHECK(harness.log->log_start_offset() == Offset{12});
    CHECK(harness.log->latest_leader_epoch() == LeaderEpoch{3});
    harness.check_records(Offset{43});
    CHECK(harness.append_at(42).value().duplicate);
  }
  SECTION("and it moves back") {
    REQUIRE(harness.logs->begin_move(kPartition, "/b").value() == nullptr);  // it is there
    auto back = harness.logs->begin_move(kPartition, "/a").value();
    while (!back->copy(1 << 20).value()) {
    }
    REQUIRE(harness.logs->finish_move(kPartition, kSomeTime).value());
    CHECK(harness.log->directory() == "/a/t-0");
    harness.check_records(Offset{40});
  }
}

TEST_CASE("an empty log moves", "[log_move]") {
  Harness harness;
  harness.create();
  REQUIRE(harness.move_all().value());
  CHECK(harness.log->directory() == "/b/t-0");
  harness.append(3);
  harness.check_records(Offset{3});
}

TEST_CASE("a move that is given up leaves the log where it is, and nothing behind", "[log_move]") {
  Harness harness;
  harness.create();
  harness.append(20);
  const auto move = harness.logs->begin_move(kPartition, "/b").value();
  REQUIRE(move->copy(1000));
  harness.logs->cancel_move(kPartition);
  harness.logs->remove_retired(kSomeTime, std::chrono::milliseconds{0});
  for (const auto& entry : harness.fs.list("/b").value()) CHECK_FALSE(entry.name.starts_with("t-0"));
  harness.append(1);
  harness.check_records(Offset{21});
}

TEST_CASE("a crash at any call of a move leaves the partition whole, in one place", "[log_move]") {
  // Batches are synced before the move; those after it are the retry of a producer that heard nothing.
  std::uint64_t calls = 1;
  for (bool reached_end = false; !reached_end; ++calls) {
    CAPTURE(calls);
    Harness harness;
    harness.create();
    harness.append(12);
    REQUIRE(harness.log->sync());
    harness.fs.fail_from(harness.fs.calls() + calls, EIO);
    const auto moved = harness.move_all();
    reached_end = moved.has_value() && *moved && !harness.logs->spaces().front().offline;
    harness.log.reset();
    harness.logs.reset();
    harness.fs.clear_faults();
    harness.fs.crash(CrashPolicy::lose_unsynced, calls);
    harness.open();
    REQUIRE(harness.log != nullptr);
    CHECK(harness.log->log_end_offset() == Offset{12});
    harness.check_records(Offset{12});
    CHECK(harness.append_at(11).value().duplicate);
    harness.append(2);
    harness.logs->remove_retired(kSomeTime, std::chrono::milliseconds{0});
    const bool in_a = harness.fs.exists("/a/t-0").value();
    CHECK(in_a != harness.fs.exists("/b/t-0").value());
    const auto interrupted = harness.logs->take_interrupted_moves();
    CHECK(interrupted.size() <= (in_a ? 1 : 0));
  }
  CHECK(calls > 50);
}

TEST_CASE("a target that fails when the copy takes its place leaves the partition served or refused, never stale",
          "[log_move]") {
  Harness harness;
  harness.create();
  harness.append(12);
  REQUIRE(harness.log->sync());
  auto move = harness.logs->begin_move(kPartition, "/b").value();
  while (!move->copy(1 << 20).value()) {
  }
  // The last of these calls put the copy in its place: it does not get there, or nobody knows whether it did.
  const bool renamed = GENERATE(false, true);
  if (renamed) {
    harness.fs.inject({.operation = Operation::sync_directory, .path_contains = "/b", .nth = 6, .error = EIO});
  } else {
    harness.fs.inject({.operation = Operation::rename, .path_contains = "-future", .nth = 3, .error = EIO});
  }
  CHECK_FALSE(harness.logs->finish_move(kPartition, kSomeTime));
  CHECK(harness.fs.exists("/b/t-0").value() == renamed);
  harness.append(3);  // the original serves on
  REQUIRE(harness.log->sync());
  REQUIRE(harness.logs->checkpoint({}));
  move.reset();
  harness.log.reset();
  harness.logs.reset();
  harness.fs.clear_faults();
  harness.fs.crash(CrashPolicy::keep_unsynced);
  harness.open();
  REQUIRE(harness.log != nullptr);
  CHECK(harness.logs->directory_of(kPartition) == "/a");
  CHECK(harness.log->log_end_offset() == Offset{15});
}

}  // namespace sluice::storage
