#include <algorithm>
#include <cstdlib>
#include <random>

#include "tests/unit/broker/raft/raft_store_harness.hpp"

namespace sluice::test {
namespace {

/// What a server was told is durable, and what was on its way when the power failed.
struct Model {
  HardState state;
  std::vector<Entry> log;  // of index 1, 2, ...

  void apply(const RaftStore::Work& work) {
    if (work.hard_state) state = *work.hard_state;
    for (const auto& each : work.entries) {
      log.resize(static_cast<std::size_t>(each.index.value() - 1));
      log.push_back(each);
    }
  }
};

/// A run of random writes over a disk that fails at a random call, then loses power.
class CrashRun {
 public:
  explicit CrashRun(std::uint64_t seed) : random_(seed) { disk_.open(); }

  void run() {
    for (int crash = 0; crash < 6; ++crash) {
      disk_.fs.fail_from(disk_.fs.calls() + 1 + roll(60), EIO);
      std::optional<RaftStore::Work> cut_short;
      for (int step = 0; step < 40 && !cut_short; ++step) {
        if (roll(5) == 0) {
          if (!snapshot()) break;
          continue;
        }
        auto work = make_work();
        if (disk_.store->write(work, kStoreTime)) {
          model_.apply(work);
        } else {
          cut_short = std::move(work);
        }
      }
      disk_.crash_and_open(static_cast<storage::CrashPolicy>(roll(3)), random_());
      check(cut_short.value_or(RaftStore::Work{}));
    }
  }

 private:
  std::uint64_t roll(std::uint64_t sides) { return random_() % sides; }

  RaftStore::Work make_work() {
    RaftStore::Work work;
    auto term = model_.state.term;
    if (roll(3) == 0) {
      term = term + 1;
      work.hard_state = HardState{term, replica(static_cast<int>(1 + roll(3)))};
    }
    if (roll(4) == 0) return work;
    // Not below the snapshot; behind the end, or over a part of what is not committed.
    const auto last = static_cast<std::int64_t>(model_.log.size());
    const auto lowest = std::max(snapshot_index_ + 1, last - static_cast<std::int64_t>(roll(8)));
    auto first = roll(2) == 0 ? last + 1 : std::min(lowest, last + 1);
    if (first <= last && term == last_term()) first = last + 1;  // only another term contradicts
    for (auto count = 1 + roll(6); count > 0; --count) {
      work.entries.push_back(entry(first++, term.value(), "entry " + std::to_string(random_())));
    }
    return work;
  }

  Term last_term() const { return model_.log.empty() ? kNoTerm : model_.log.back().term; }

  bool snapshot() {
    const auto last = static_cast<std::int64_t>(model_.log.size());
    if (last <= snapshot_index_ + 3) return true;
    const LogIndex index{last - static_cast<std::int64_t>(roll(3))};
    const SnapshotMeta meta{.index = index,
                            .term = disk_.store->term(index).value(),
                            .configuration = voters({1, 2, 3}),
                            .configuration_index = LogIndex{1}};
    snapshot_index_ = index.value();  // nothing below is ever cut again
    const auto written = disk_.store->write_snapshot(meta, "state " + std::to_string(index.value()));
    return written && disk_.store->adopt_snapshot(*written, kStoreTime);
  }

  /// All that was reported is there; of what was not, a beginning.
  void check(const RaftStore::Work& cut_short) {
    const auto state = disk_.store->hard_state();
    CHECK((state == model_.state || state == cut_short.hard_state));
    CHECK(disk_.store->load_snapshot().has_value() == (disk_.store->snapshot().index > kNoIndex));
    const auto found = disk_.all();
    const auto first = disk_.store->first_index().value();
    const auto last = disk_.store->last_index().value();
    REQUIRE(first <= snapshot_index_ + 1);
    auto after = model_;
    after.apply({.hard_state = state, .entries = cut_short.entries});
    const auto cut = cut_short.entries.empty() ? std::int64_t{INT64_MAX} : cut_short.entries.front().index.value();
    bool is_old = true;
    bool is_new = true;
    for (auto index = first; index <= last; ++index) {
      const auto& is = found.at(static_cast<std::size_t>(index - first));
      const auto at = static_cast<std::size_t>(index - 1);
      is_old = is_old && at < model_.log.size() && is == model_.log[at];
      is_new = is_new && at < after.log.size() && is == after.log[at];
    }
    CHECK((is_old || is_new));
    const auto promised = std::min(cut - 1, static_cast<std::int64_t>(model_.log.size()));
    CHECK(last >= promised);
    model_ = is_new ? after : model_;
    model_.state = state;
    model_.log.resize(static_cast<std::size_t>(last));
  }

  std::mt19937_64 random_;
  StoreHarness disk_;
  Model model_;
  std::int64_t snapshot_index_ = 0;
};

}  // namespace

TEST_CASE("whatever moment the power fails at: what was reported is there, and of the rest a beginning", "[raft]") {
  const char* chosen = std::getenv("SLUICE_SEED");
  const std::uint64_t first = chosen == nullptr ? 1 : std::strtoull(chosen, nullptr, 10);
  for (auto seed = first; seed < first + (chosen == nullptr ? 60 : 1); ++seed) {
    INFO("seed " << seed);
    CrashRun run{seed};
    run.run();
  }
}

}  // namespace sluice::test
