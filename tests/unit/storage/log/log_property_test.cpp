#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>

#include "storage/errc.hpp"
#include "tests/support/log_harness.hpp"
#include "tests/unit/storage/log/log_model.hpp"

// A random program against a list in memory. SLUICE_SEED=n replays one run, SLUICE_RUNS=n makes more of them.

namespace sluice::storage {
namespace {

class Program {
 public:
  explicit Program(std::uint64_t seed) : random_(seed) {
    h_.options.segment_bytes = static_cast<std::uint32_t>(1024 << pick(5));
    h_.options.index_interval_bytes = static_cast<std::uint32_t>(1 + pick(600));
    h_.options.segment_index_bytes = pick(4) == 0 ? 96 : 4096;
    h_.options.segment_ms = pick(3) == 0 ? std::chrono::milliseconds{200} : std::chrono::milliseconds{100'000'000};
    h_.open();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    crash();
    check_everything();
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  Offset pick_offset() {
    return model_.start + static_cast<std::int64_t>(pick(static_cast<std::uint64_t>(model_.end - model_.start) + 1));
  }

  void step() {
    h_.now = h_.now + static_cast<std::int64_t>(pick(20));
    switch (pick(40)) {
      case 0: return truncate();
      case 1: return restart();
      case 2: return advance_start();
      case 3: return crash();
      case 4: return reopen();
      case 5: return fail_a_write();
      case 6: return roll();
      case 7:
      case 8: return sync();
      case 9: return check_timestamps();
      case 10: return append_as_follower();
      case 11:
      case 12:
      case 13:
      case 14: return read();
      default: return append();
    }
  }

  test::Bytes some_batch(bool idempotent) {
    record::BatchOptions options;
    if (idempotent && pick(3) == 0) {
      const auto& producer = producers_[pick(3)];
      options.producer_id = producer.id;
      options.producer_epoch = ProducerEpoch{0};
      options.base_sequence = producer.next_sequence;
    }
    if (pick(4) == 0) options.compression = record::Compression::lz4;
    const auto timestamp = h_.now - static_cast<std::int64_t>(pick(30));
    std::vector<test::TestRecord> records(1 + pick(4));
    for (auto& record : records) record = {std::nullopt, std::string(pick(120), 'v'), timestamp};
    return test::batch_from(records, options);
  }

  void append() {
    auto bytes = some_batch(true);
    auto batch = *record::MutableBatch::parse(bytes);
    const auto appended = h_.log->append(batch, leader_epoch_, h_.now);
    CAPTURE(batch.producer_id(), batch.base_sequence(), batch.size(),
            appended.has_error() ? appended.error().message() : "");
    REQUIRE(appended.has_value());
    REQUIRE_FALSE(appended->duplicate);
    REQUIRE(appended->base_offset == model_.end);
    model_.append(bytes);
    if (batch.has_producer()) {
      for (auto& producer : producers_) {
        if (producer.id == batch.producer_id()) producer.next_sequence = batch.last_sequence() + 1;
      }
      if (pick(2) == 0) repeat(bytes, *appended);
    }
    check_bounds();
  }

  void repeat(test::Bytes bytes, const Appended& original) {
    const auto again = h_.log->append(*record::MutableBatch::parse(bytes), leader_epoch_, h_.now);
    REQUIRE(again.has_value());
    REQUIRE(again->duplicate);
    REQUIRE(again->base_offset == original.base_offset);
    REQUIRE(again->last_offset == original.last_offset);
  }

  // Several batches in one call, with a gap now and then.
  void append_as_follower() {
    test::Bytes all;
    auto offset = model_.end;
    std::vector<test::Bytes> batches;
    for (auto left = 1 + pick(6); left > 0; --left) {
      auto bytes = some_batch(false);
      if (pick(5) == 0) offset = offset + static_cast<std::int64_t>(pick(10));
      auto batch = *record::MutableBatch::parse(bytes);
      batch.assign(offset, leader_epoch_);
      offset = batch.next_offset();
      all.insert(all.end(), bytes.begin(), bytes.end());
      batches.push_back(std::move(bytes));
    }
    REQUIRE(h_.log->append_as_follower(all, h_.now).has_value());
    for (auto& bytes : batches) model_.append(std::move(bytes));
    check_bounds();
  }

  void read() {
    const auto from = pick_offset();
    const auto end = pick(2) == 0 ? model_.end : pick_offset();
    const auto slice = h_.log->read(from, 1 + pick(4096), end, true);
    const auto bytes = test::LogHarness::bytes_of(slice);
    REQUIRE((bytes == model_.bytes(from, bytes.empty() ? from : slice->next_offset)));
    if (!model_.bytes(from, end).empty()) REQUIRE_FALSE(bytes.empty());
    REQUIRE(slice->next_offset <= std::max(from, model_.end));
  }

  // A full disk in the middle of a write: as if nothing had happened.
  void fail_a_write() {
    h_.fs.inject({.operation = Operation::write, .path_contains = ".log", .error = ENOSPC, .stored_bytes = pick(90)});
    auto bytes = some_batch(true);
    const auto failed = h_.log->append(*record::MutableBatch::parse(bytes), leader_epoch_, h_.now);
    h_.fs.clear_faults();
    REQUIRE_FALSE(failed.has_value());
    REQUIRE_FALSE(h_.log->is_offline());
    check_bounds();
  }

  void roll() {
    REQUIRE(h_.log->roll(h_.now).has_value());
    check_bounds();
  }

  void sync() {
    const auto synced = h_.log->sync();
    REQUIRE(synced.has_value());
    REQUIRE(*synced == model_.end);
    model_.synced = model_.end;
    check_bounds();
  }

  void truncate() {
    const auto offset = pick_offset();
    REQUIRE(h_.log->truncate_to(offset).has_value());
    model_.truncate(offset);
    forget_sequences();
    next_leader();
    check_everything();
  }

  void restart() {
    if (pick(4) != 0) return;
    const auto offset = pick_offset();
    REQUIRE(h_.log->truncate_fully_and_start_at(offset).has_value());
    model_.restart(offset);
    forget_sequences();
    next_leader();
    check_everything();
  }

  void advance_start() {
    const auto offset = pick_offset();
    REQUIRE(h_.log->advance_log_start(offset).has_value());
    model_.advance_start(offset);
    check_bounds();
  }

  void reopen() {
    h_.close_and_open();
    REQUIRE_FALSE(h_.report.scanned);
    model_.synced = model_.end;
    check_everything();
  }

  void crash() {
    const auto policy =
        std::array{CrashPolicy::lose_unsynced, CrashPolicy::keep_unsynced, CrashPolicy::random}[pick(3)];
    h_.crash_and_open(policy, random_());
    REQUIRE(h_.log->log_end_offset() >= model_.synced);
    REQUIRE(h_.log->log_end_offset() <= model_.end);
    if (policy == CrashPolicy::keep_unsynced) REQUIRE(h_.log->log_end_offset() == model_.end);
    const auto end = h_.log->log_end_offset();
    while (!model_.batches.empty() && model_.batches.back().view().next_offset() > end) model_.batches.pop_back();
    model_.end = end;
    if (model_.batches.empty() || model_.batches.back().view().next_offset() < end) model_.floor = end;
    model_.synced = h_.log->synced_end_offset();
    forget_sequences();
    check_everything();
    next_leader();
  }

  // What a producer may send next is what the surviving log says. One whose last batch lies below the log start may or
  // may not be known any more: a new one takes its place.
  void forget_sequences() {
    for (auto& producer : producers_) {
      const LogModel::Entry* last = nullptr;
      for (const auto& entry : model_.batches) {
        if (entry.view().producer_id() == producer.id) last = &entry;
      }
      if (last && last->view().last_offset() >= model_.start)
        producer.next_sequence = last->view().last_sequence() + 1;
      else
        producer = {ProducerId{next_producer_id_++}, 0};
    }
  }

  void next_leader() { leader_epoch_ = LeaderEpoch{leader_epoch_.value() + 1}; }

  void check_bounds() {
    REQUIRE(h_.log->log_end_offset() == model_.end);
    REQUIRE(h_.log->log_start_offset() == model_.start);
    REQUIRE(h_.log->synced_end_offset() == model_.synced);
  }

  void check_everything() {
    check_bounds();
    REQUIRE((h_.read_all() == model_.bytes(model_.start, model_.end)));
    check_epochs();
    check_timestamps();
  }

  // The cache names every epoch among the readable batches, which begins at its first or in the gap before that.
  void check_epochs() {
    const auto epochs = h_.log->leader_epochs();
    auto latest = kNoLeaderEpoch;
    auto previous_end = model_.start;
    for (const auto& entry : model_.batches) {
      const auto batch = entry.view();
      if (batch.last_offset() < model_.start) continue;
      if (batch.partition_leader_epoch() != latest) {
        latest = batch.partition_leader_epoch();
        const auto known = std::find_if(epochs.begin(), epochs.end(),
                                        [&](const EpochStart& epoch) { return epoch.leader_epoch == latest; });
        CAPTURE(latest, previous_end, batch.base_offset());
        REQUIRE(known != epochs.end());
        REQUIRE(known->start_offset >= previous_end);
        REQUIRE(known->start_offset <= std::max(batch.base_offset(), model_.start));
      }
      previous_end = batch.next_offset();
    }
  }

  void check_timestamps() {
    const auto target = h_.now - static_cast<std::int64_t>(pick(200));
    const auto found = h_.log->find_timestamp(target);
    REQUIRE(found.has_value());
    REQUIRE(found->offset == model_.find_timestamp(target));
    auto largest = kNoTimestamp;
    for (const auto& entry : model_.batches) {
      if (entry.view().last_offset() >= model_.start) largest = std::max(largest, entry.view().max_timestamp());
    }
    const auto max = h_.log->find_max_timestamp();
    REQUIRE(max.has_value());
    REQUIRE(max->timestamp == largest);
  }

  std::mt19937_64 random_;
  test::LogHarness h_;
  LogModel model_;
  LeaderEpoch leader_epoch_{0};
  struct Producer {
    ProducerId id;
    std::int32_t next_sequence = 0;
  };
  std::array<Producer, 3> producers_{{{ProducerId{0}}, {ProducerId{1}}, {ProducerId{2}}}};
  std::int64_t next_producer_id_ = 3;
};

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const auto* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

TEST_CASE("a log does what a list of batches does, through crashes and reopenings", "[log][property]") {
  const auto first = number_from_environment("SLUICE_SEED", 1);
  const auto runs = number_from_environment("SLUICE_RUNS", std::getenv("SLUICE_SEED") ? 1 : 2000);
  for (auto seed = first; seed < first + runs; ++seed) {
    INFO("replay with SLUICE_SEED=" << seed);
    Program{seed}.run(60);
  }
}

}  // namespace
}  // namespace sluice::storage
