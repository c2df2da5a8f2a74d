#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "storage/errc.hpp"
#include "tests/support/compaction_harness.hpp"

// Random programs of appends, transactions, passes, failing calls and crashes against a list of all that was ever
// written. SLUICE_SEED=n replays one run, SLUICE_RUNS=n makes more of them.

namespace sluice::storage {
namespace {

enum class Fate { plain, open, committed, aborted };

/// A batch as it was appended.
struct Written {
  test::Bytes bytes;
  std::vector<test::ReadRecord> records;
  Fate fate = Fate::plain;  // of its transaction
  bool marker = false;

  record::BatchView view() const { return *record::BatchView::parse(bytes); }
};

class Program {
 public:
  explicit Program(std::uint64_t seed) : random_(seed) {
    h_.options.segment_bytes = static_cast<std::uint32_t>(1024 << pick(4));
    h_.options.index_interval_bytes = static_cast<std::uint32_t>(1 + pick(600));
    h_.options.segment_index_bytes = pick(4) == 0 ? 96 : 4096;
    h_.options.file_delete_delay_ms = std::chrono::milliseconds{pick(2) == 0 ? 0 : 100};
    h_.settings.map_bytes_max = pick(3) == 0 ? 1 : 1U << 16;
    h_.settings.delete_retention = std::chrono::milliseconds{pick(3) == 0 ? 0 : 300};
    h_.open();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    crash();
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  void step() {
    h_.now = h_.now + static_cast<std::int64_t>(pick(40));
    h_.resources.removals.remove_due(h_.fs, h_.now);
    switch (pick(30)) {
      case 0: return crash();
      case 1: return reopen();
      case 2: return sync();
      case 3:
      case 4: return h_.roll();
      case 5:
      case 6:
      case 7: return clean();
      case 8: return clean_and_fail();
      case 9: return repeat_last();
      case 10:
      case 11:
      case 12: return end_transaction();
      case 13:
      case 14:
      case 15:
      case 16:
      case 17: return append_transactional();
      default: return append();
    }
  }

  std::vector<test::TestRecord> some_records() {
    std::vector<test::TestRecord> records(1 + pick(5));
    for (auto& record : records) {
      record = {"k" + std::to_string(pick(12)), std::string(pick(60), 'v') + std::to_string(random_()),
                h_.now - static_cast<std::int64_t>(pick(30))};
      if (pick(6) == 0) record.value.reset();
      if (pick(20) == 0) record.key.reset();
      if (pick(5) == 0) record.headers = {{"header", "value"}, {"null", std::nullopt}};
    }
    return records;
  }

  void write(record::BatchOptions options, Fate fate) {
    options.compression = static_cast<record::Compression>(pick(2) == 0 ? 0 : pick(5));
    if (pick(10) == 0) options.timestamp_type = record::TimestampType::log_append_time;
    take(test::batch_from(some_records(), options), fate, false);
  }

  void take(test::Bytes bytes, Fate fate, bool marker) {
    const auto appended = h_.log->append(*record::MutableBatch::parse(bytes), leader_epoch_, h_.now);
    CAPTURE(appended.has_error() ? appended.error().message() : "");
    REQUIRE(appended.has_value());
    REQUIRE_FALSE(appended->duplicate);
    auto records = marker ? std::vector<test::ReadRecord>{} : test::records_of(bytes);
    written_.push_back({std::move(bytes), std::move(records), fate, marker});
  }

  void append() {
    record::BatchOptions options;
    if (pick(3) == 0) {
      auto& producer = producers_[pick(producers_.size())];
      options.producer_id = producer;
      options.producer_epoch = ProducerEpoch{0};
      options.base_sequence = next_sequence(producer);
    }
    write(options, Fate::plain);
  }

  std::int32_t next_sequence(ProducerId id) const {
    for (auto last = written_.rbegin(); last != written_.rend(); ++last) {
      if (last->view().producer_id() == id) return last->view().last_sequence() + 1;
    }
    return 0;
  }

  /// The transactions that are open, by producer: each has one of its own.
  std::set<ProducerId> open_transactions() const {
    std::set<ProducerId> open;
    for (const auto& batch : written_) {
      if (batch.view().is_transactional() && batch.fate == Fate::open) open.insert(batch.view().producer_id());
    }
    return open;
  }

  void append_transactional() {
    const auto open = open_transactions();
    ProducerId id{next_producer_id_};
    if (open.size() >= 3 || (!open.empty() && pick(2) == 0)) {
      id = *std::next(open.begin(), static_cast<std::ptrdiff_t>(pick(open.size())));
    } else {
      ++next_producer_id_;
    }
    write({.producer_id = id,
           .producer_epoch = ProducerEpoch{0},
           .base_sequence = next_sequence(id),
           .transactional = true},
          Fate::open);
  }

  void end_transaction() {
    const auto open = open_transactions();
    if (open.empty()) return;
    const auto id = *std::next(open.begin(), static_cast<std::ptrdiff_t>(pick(open.size())));
    const bool committed = pick(2) == 0;
    take(record::build_end_transaction({.producer_id = id, .producer_epoch = ProducerEpoch{0}, .timestamp = h_.now},
                                       {.committed = committed}),
         committed ? Fate::committed : Fate::aborted, true);
    for (auto& batch : written_) {
      if (batch.view().producer_id() == id) batch.fate = committed ? Fate::committed : Fate::aborted;
    }
  }

  void sync() { REQUIRE(h_.log->sync().has_value()); }

  void note_pass() {
    for (const auto& batch : written_) {
      for (const auto& record : batch.records) {
        if (record.key && !record.value) first_pass_.emplace(record.offset, h_.now);
      }
    }
  }

  void clean() {
    if (pick(2) == 0) h_.roll();
    note_pass();
    const auto report = h_.clean();
    check();
    if (report.segments_before > 0) check_clean(report.next_dirty);
  }

  // The machine stops at some call of a pass.
  void clean_and_fail() {
    if (pick(2) == 0) h_.roll();
    note_pass();
    const auto checkpoint = h_.checkpoint;
    h_.fs.fail_from(h_.fs.calls() + 1 + pick(80), EIO);
    const auto failed = h_.try_clean();
    if (!failed) h_.checkpoint = checkpoint;
    crash();
  }

  // One call fails, and all after it work: nothing is lost, and the log goes on unless it says that it can't.
  void reopen() {
    if (pick(2) == 0) {
      h_.fs.fail_at(h_.fs.calls() + 1 + pick(60), EIO);
      note_pass();
      static_cast<void>(h_.try_clean());
      h_.fs.clear_faults();
      if (h_.log->is_offline()) return crash();
      check();
    }
    h_.close_and_open();
    check();
  }

  void crash() {
    const auto policy =
        std::array{CrashPolicy::lose_unsynced, CrashPolicy::keep_unsynced, CrashPolicy::random}[pick(3)];
    const auto synced = h_.log->synced_end_offset();
    // The stored recovery point may be older than what was synced.
    const LogOpening opening{pick(2) == 0 ? synced : Offset{0}, h_.log->log_start_offset(), false};
    h_.log.reset();
    h_.fs.clear_faults();
    h_.fs.crash(policy, random_());
    h_.open(opening);
    REQUIRE(h_.log->log_end_offset() >= synced);
    lose_from(h_.log->log_end_offset());
    check();
    leader_epoch_ = LeaderEpoch{leader_epoch_.value() + 1};
  }

  void lose_from(Offset end) {
    while (!written_.empty() && written_.back().view().next_offset() > end) {
      const auto lost = written_.back();
      written_.pop_back();
      if (!lost.marker) continue;
      for (auto& batch : written_) {
        if (batch.view().producer_id() == lost.view().producer_id()) batch.fate = Fate::open;
      }
    }
    REQUIRE((written_.empty() ? Offset{0} : written_.back().view().next_offset()) == end);
    if (h_.checkpoint > end) h_.checkpoint = end;
    std::erase_if(first_pass_, [&](const auto& pass) { return pass.first >= end; });
  }

  // A producer's last batch, sent again, is known, whatever became of its records.
  void repeat_last() {
    for (auto last = written_.rbegin(); last != written_.rend(); ++last) {
      if (!last->view().has_producer() || last->marker || last->view().is_transactional()) continue;
      auto bytes = last->bytes;
      const auto again = h_.log->append(*record::MutableBatch::parse(bytes), leader_epoch_, h_.now);
      REQUIRE(again.has_value());
      REQUIRE(again->duplicate);
      REQUIRE(again->last_offset == last->view().last_offset());
      return;
    }
  }

  /// The offset of the last committed record of each key below `end`.
  std::map<std::string, const test::ReadRecord*> last_of_keys(Offset end) const {
    std::map<std::string, const test::ReadRecord*> last;
    for (const auto& batch : written_) {
      if (batch.fate == Fate::aborted || batch.fate == Fate::open) continue;
      for (const auto& record : batch.records) {
        if (record.key && record.offset < end) last[*record.key] = &record;
      }
    }
    return last;
  }

  void check() {
    const auto bytes = h_.read_all();
    const auto left = test::records_of(bytes);
    check_subset(left);
    check_last_values(left);
    check_markers(bytes);
    check_aborted();
    REQUIRE(h_.log->log_end_offset() == (written_.empty() ? Offset{0} : written_.back().view().next_offset()));
  }

  void check_subset(const std::vector<test::ReadRecord>& left) const {
    std::map<Offset, const test::ReadRecord*> all;
    for (const auto& batch : written_) {
      for (const auto& record : batch.records) all[record.offset] = &record;
    }
    auto previous = kNoOffset;
    for (const auto& record : left) {
      REQUIRE(record.offset > previous);
      previous = record.offset;
      REQUIRE(all.contains(record.offset));
      REQUIRE(record == *all[record.offset]);
    }
  }

  void check_last_values(const std::vector<test::ReadRecord>& left) const {
    std::set<Offset> there;
    for (const auto& record : left) there.insert(record.offset);
    for (const auto& [key, record] : last_of_keys(h_.log->log_end_offset())) {
      if (there.contains(record->offset)) continue;
      CAPTURE(key, record->offset);
      REQUIRE_FALSE(record->value.has_value());
      const auto pass = first_pass_.find(record->offset);
      REQUIRE(pass != first_pass_.end());
      REQUIRE(h_.now - pass->second >= h_.settings.delete_retention.count());
    }
    for (const auto& batch : written_) {
      if (batch.fate == Fate::aborted) continue;
      for (const auto& record : batch.records) {
        if (batch.fate == Fate::open) REQUIRE(there.contains(record.offset));
      }
    }
  }

  // Whatever is left of a transaction that was decided has its marker behind it.
  void check_markers(const test::Bytes& bytes) const {
    std::map<ProducerId, Offset> undecided;
    for (record::BatchWalker walker{bytes}; const auto batch = walker.next();) {
      if (!batch->is_transactional()) continue;
      if (!batch->is_control()) {
        undecided.emplace(batch->producer_id(), batch->base_offset());
      } else if (batch->record_count() > 0) {
        undecided.erase(batch->producer_id());
      }
    }
    const auto open = open_transactions();
    for (const auto& [id, offset] : undecided) {
      CAPTURE(id, offset);
      REQUIRE(open.contains(id));
    }
    REQUIRE(h_.log->first_open_transaction().has_value() == !open.empty());
  }

  // A reader of committed records is told of every aborted transaction of which it still can read something.
  void check_aborted() const {
    const auto end = h_.log->last_stable_offset(h_.log->log_end_offset());
    const auto told = h_.log->aborted_transactions(h_.log->log_start_offset(), end);
    REQUIRE(told.has_value());
    std::map<ProducerId, AbortedTransaction> by_producer;
    for (const auto& each : *told) by_producer[each.producer_id] = each;
    const auto bytes = h_.read_all();
    for (record::BatchWalker walker{bytes}; const auto batch = walker.next();) {
      if (!batch->is_transactional() || batch->is_control() || batch->record_count() == 0) continue;
      if (batch->last_offset() >= end || fate_of(batch->producer_id()) != Fate::aborted) continue;
      CAPTURE(batch->producer_id(), batch->base_offset());
      REQUIRE(by_producer.contains(batch->producer_id()));
      REQUIRE(by_producer[batch->producer_id()].first_offset <= batch->base_offset());
      REQUIRE(by_producer[batch->producer_id()].last_offset > batch->last_offset());
    }
  }

  Fate fate_of(ProducerId id) const {
    for (const auto& batch : written_) {
      if (batch.view().producer_id() == id) return batch.fate;
    }
    return Fate::plain;
  }

  // After a whole pass nothing superseded or aborted is left below where it ended.
  void check_clean(Offset end) const {
    const auto last = last_of_keys(end);
    for (const auto& record : h_.records()) {
      if (record.offset >= end || !record.key) continue;
      CAPTURE(record.offset, *record.key, end);
      REQUIRE(last.contains(*record.key));
      REQUIRE(last.at(*record.key)->offset == record.offset);
    }
  }

  std::mt19937_64 random_;
  test::CompactionHarness h_;
  std::vector<Written> written_;
  std::map<Offset, Timestamp> first_pass_;  // over a tombstone
  LeaderEpoch leader_epoch_{0};
  std::array<ProducerId, 2> producers_{ProducerId{0}, ProducerId{1}};
  std::int64_t next_producer_id_ = 100;
};

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const auto* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

TEST_CASE("compaction keeps what it must, through failing calls and crashes", "[compaction][property]") {
  const auto first = number_from_environment("SLUICE_SEED", 1);
  const auto runs = number_from_environment("SLUICE_RUNS", std::getenv("SLUICE_SEED") ? 1 : 1000);
  for (auto seed = first; seed < first + runs; ++seed) {
    INFO("replay with SLUICE_SEED=" << seed);
    Program{seed}.run(60);
  }
}

}  // namespace
}  // namespace sluice::storage
