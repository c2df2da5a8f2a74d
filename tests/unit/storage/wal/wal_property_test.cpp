#include <cstdlib>
#include <random>

#include "tests/unit/storage/wal/wal_harness.hpp"

// Random programs against a list in memory, through crashes at any call to the disk. SLUICE_SEED=n replays one run,
// SLUICE_RUNS=n makes more of them.

namespace sluice::storage::wal {
namespace {

/// One write, in the order of its physical log.
struct Write {
  struct Part {
    Unit unit;
    std::uint64_t first;
    std::vector<std::string> payloads;
  };
  std::vector<Part> parts;
};

class Program {
 public:
  explicit Program(std::uint64_t seed) : random_(seed) {
    h_.options.layout = std::array{Layout::shared, Layout::per_region, Layout::per_table}[pick(3)];
    h_.options.segment_bytes = static_cast<std::uint32_t>(4096 << pick(2));
    h_.open();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    crash();
    check();
  }

 private:
  /// What is known of a unit: acknowledged as durable, or perhaps there.
  struct UnitModel {
    std::vector<std::string> payloads;  // of sequences 1, 2, …
    std::uint64_t durable = 0;          // so many certainly survive a crash
    std::uint64_t deleted = 0;          // mark that certainly holds
    std::uint64_t deleted_max = 0;      // of a mark that failed, and may hold after a crash
  };

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  Unit pick_unit() { return {1, pick(2), pick(3)}; }
  bool shares_log(const Unit& left, const Unit& right) const {
    if (h_.options.layout == Layout::shared) return true;
    if (h_.options.layout == Layout::per_table) return left == right;
    return left.region == right.region;
  }

  void step() {
    switch (pick(24)) {
      case 0: return crash();
      case 1: return reopen();
      case 2: return crash_at_some_call();
      case 3: return sync();
      case 4:
      case 5: mark(); return;
      case 6: reclaim(); return;
      case 7: mark_all(); return;
      case 8: return full_disk();
      case 11: return kill();
      case 9:
      case 10: return read();
      default: write();
    }
  }

  std::vector<std::string> some_payloads() {
    std::vector<std::string> payloads(1 + pick(3));
    for (auto& payload : payloads)
      payload = std::to_string(++written_) + std::string(pick(pick(4) == 0 ? 1000 : 200), 'v');
    return payloads;
  }

  // True when the write was acknowledged. A failed one may surface after the next crash.
  bool write() {
    std::vector<std::pair<Unit, std::vector<std::string>>> chosen{{pick_unit(), some_payloads()}};
    while (pick(3) == 0) {
      const auto other = pick_unit();
      if (shares_log(other, chosen[0].first)) chosen.emplace_back(other, some_payloads());
    }
    std::vector<std::vector<ByteView>> views(chosen.size());
    std::vector<UnitWrite> parts;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      for (const auto& payload : chosen[i].second) views[i].push_back(as_byte_view(payload));
      parts.push_back({chosen[i].first, views[i]});
    }
    const auto durability = pick(2) == 0 ? Durability::synced : Durability::buffered;
    const auto written = h_.wal->write_batch(parts, durability);
    const bool surfaced = written.has_value();
    if (!surfaced && !crashing_) return false;
    atomic_.push_back({});
    for (std::size_t i = 0; i < parts.size(); ++i) {
      auto& model = units_[parts[i].unit];
      if (surfaced) REQUIRE(parts[i].assigned.first.value() == model.payloads.size() + 1);
      atomic_.back().parts.push_back({parts[i].unit, model.payloads.size() + 1, chosen[i].second});
      for (const auto& payload : chosen[i].second) model.payloads.push_back(payload);
      if (surfaced) REQUIRE(parts[i].assigned.end.value() == model.payloads.size() + 1);
    }
    if (surfaced && durability == Durability::synced) all_durable(parts[0].unit);
    return surfaced;
  }

  // A sync of one log covers all that was written to it before.
  void all_durable(const Unit& unit) {
    for (auto& [other, model] : units_) {
      if (shares_log(unit, other)) model.durable = model.payloads.size();
    }
  }

  void sync() {
    REQUIRE(h_.wal->sync().has_value());
    for (auto& [unit, model] : units_) model.durable = model.payloads.size();
  }

  bool mark() {
    if (units_.empty()) return true;
    auto& [unit, model] = *std::next(units_.begin(), static_cast<std::ptrdiff_t>(pick(units_.size())));
    if (model.payloads.empty()) return true;
    const auto up_to = pick(3) == 0 ? model.payloads.size() : 1 + pick(model.payloads.size());
    const auto marked = h_.wal->mark_deleted(unit, Sequence{up_to});
    model.deleted_max = std::max(model.deleted_max, up_to);
    if (!marked) {
      REQUIRE(crashing_);
      return false;
    }
    model.deleted = std::max(model.deleted, up_to);
    all_durable(unit);
    return true;
  }

  // The next reclaiming drops several files.
  void mark_all() {
    if (pick(2) == 0) return;
    for (auto& [unit, model] : units_) {
      if (model.payloads.empty()) continue;
      REQUIRE(h_.wal->mark_deleted(unit, Sequence{model.payloads.size()}).has_value());
      model.deleted = model.deleted_max = model.payloads.size();
      all_durable(unit);
    }
    if (pick(2) == 0) crash_at_some_call(true);
  }

  bool reclaim() {
    const auto reclaimed = h_.wal->reclaim();
    if (!crashing_) REQUIRE(reclaimed.has_value());
    return reclaimed.has_value();
  }

  // Nothing is written, and nothing is broken by it.
  void full_disk() {
    h_.fs.inject({.operation = Operation::write, .path_contains = ".log", .error = ENOSPC, .stored_bytes = pick(90)});
    REQUIRE_FALSE(write());
    h_.fs.clear_faults();
    check();
  }

  void read() {
    if (units_.empty()) return;
    const auto& [unit, model] = *std::next(units_.begin(), static_cast<std::ptrdiff_t>(pick(units_.size())));
    const auto from = 1 + pick(model.payloads.size() + 2);
    const auto end = from + pick(model.payloads.size() + 2);
    const auto found = drain(h_.wal->read(unit, Sequence{from}, Sequence{end}));
    auto expected = std::max(from, model.deleted + 1);
    for (const auto& entry : found) {
      REQUIRE(entry.sequence == expected);
      REQUIRE(entry.payload == model.payloads[expected - 1]);
      ++expected;
    }
    REQUIRE(expected ==
            std::max(std::max(from, model.deleted + 1), std::min<std::uint64_t>(end, model.payloads.size() + 1)));
  }

  // The disk stops at some call from now on, in the middle of whatever that belongs to; then the power goes.
  void crash_at_some_call(bool reclaim_first = false) {
    h_.fs.fail_from(h_.fs.calls() + 1 + pick(reclaim_first ? 40 : 12), EIO);
    crashing_ = true;
    for (int i = 0; i < 20; ++i) {
      const auto what = i == 0 && reclaim_first ? 1 : pick(6);
      const bool done = what == 0 ? mark() : what == 1 ? reclaim() : write();
      if (!done) break;
    }
    crashing_ = false;
    h_.fs.clear_faults();
    crash();
  }

  void reopen() {
    h_.reopen();
    for (auto& [unit, model] : units_) model.durable = model.payloads.size();
    check();
  }

  // The process ends, the machine does not: everything is there, and is durable once it was shown.
  void kill() {
    h_.open();
    for (auto& [unit, model] : units_) model.durable = model.payloads.size();
    check();
  }

  void crash() {
    const auto policy =
        std::array{CrashPolicy::lose_unsynced, CrashPolicy::keep_unsynced, CrashPolicy::random}[pick(3)];
    h_.wal.reset();
    h_.fs.crash(policy, random_());
    // Also while it recovers, which must be no different from not having begun.
    for (int tries = static_cast<int>(pick(3)); tries > 0; --tries) {
      h_.fs.fail_from(h_.fs.calls() + 1 + pick(20), EIO);
      (void)h_.try_open();
      h_.wal.reset();
      h_.fs.clear_faults();
      h_.fs.crash(std::array{CrashPolicy::lose_unsynced, CrashPolicy::random}[pick(2)], random_());
    }
    h_.open();
    take_what_survived();
    check();
  }

  void take_what_survived() {
    for (auto& [unit, model] : units_) {
      const auto next = h_.wal->next_sequence(unit).value();
      CAPTURE(unit.region, unit.table, next, model.durable, model.payloads.size());
      REQUIRE(next >= model.durable + 1);
      REQUIRE(next <= model.payloads.size() + 1);
      model.payloads.resize(next - 1);
      model.durable = next - 1;
    }
    for (const auto& summary : h_.wal->units()) {
      auto& model = units_[summary.unit];
      REQUIRE(summary.deleted_up_to.value() >= model.deleted);
      REQUIRE(summary.deleted_up_to.value() <= model.deleted_max);
      model.deleted = model.deleted_max = summary.deleted_up_to.value();
    }
    // Of a batch either all or nothing.
    for (const auto& write : atomic_) {
      const auto survived = [&](const Write::Part& part) {
        return units_[part.unit].payloads.size() >= part.first + part.payloads.size() - 1;
      };
      const auto lost = [&](const Write::Part& part) { return units_[part.unit].payloads.size() < part.first; };
      const bool all = std::all_of(write.parts.begin(), write.parts.end(), survived);
      const bool none = std::all_of(write.parts.begin(), write.parts.end(), lost);
      REQUIRE((all || none));
    }
    atomic_.clear();
  }

  void check() {
    std::size_t live = 0;
    for (const auto& [unit, model] : units_) {
      REQUIRE(h_.wal->next_sequence(unit).value() == model.payloads.size() + 1);
      const auto found = payloads(h_.wal->read(unit));
      const std::vector<std::string> expected(model.payloads.begin() + static_cast<std::ptrdiff_t>(model.deleted),
                                              model.payloads.end());
      CAPTURE(unit.region, unit.table, model.deleted, model.payloads.size());
      REQUIRE((found == expected));
      live += expected.size();
    }
    REQUIRE(drain(h_.wal->scan()).size() == live);
  }

  std::mt19937_64 random_;
  WalHarness h_;
  std::map<Unit, UnitModel> units_;
  std::vector<Write> atomic_;  // since the last opening
  std::uint64_t written_ = 0;
  bool crashing_ = false;  // calls to the disk may fail
};

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const auto* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

TEST_CASE("a write-ahead log does what lists of payloads do, through crashes at any call to the disk",
          "[wal][property]") {
  const auto first = number_from_environment("SLUICE_SEED", 1);
  const auto runs = number_from_environment("SLUICE_RUNS", std::getenv("SLUICE_SEED") ? 1 : 500);
  for (auto seed = first; seed < first + runs; ++seed) {
    INFO("replay with SLUICE_SEED=" << seed);
    Program{seed}.run(60);
  }
}

}  // namespace
}  // namespace sluice::storage::wal
