#include "broker/raft/raft_store_driver.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

#include "protocol/base/assert.hpp"
#include "storage/errc.hpp"

namespace sluice::broker::raft {
namespace {

constexpr std::string_view kSnapshots = "snapshots";

const auto kDamaged = std::make_error_code(std::errc::bad_message);

std::error_code damaged(std::string_view what) {
  spdlog::error("metadata log is damaged: {}", what);
  return kDamaged;
}

/// All but the votes: what others sent, they can send again.
Result<> clear(storage::FileSystem& fs, const std::string& directory) {
  const auto found = fs.list(directory);
  if (!found) return found.error();
  for (const auto& entry : *found) {
    if (entry.name == kVoteFile) continue;
    const auto path = storage::join_path(directory, entry.name);
    if (auto removed = entry.is_directory ? fs.remove_all(path) : fs.remove(path); !removed) return removed;
  }
  return fs.sync_directory(directory);
}

}  // namespace

Result<std::unique_ptr<RaftStore>> RaftStore::open(storage::FileSystem& fs, const Options& options, Timestamp now) {
  auto store = try_open(fs, options, now);
  if (store || store.error() != kDamaged) return store;
  // Nobody ever relied on a server that was never a voter.
  const auto votes = read_votes(fs, options.directory);
  if (votes && *votes && (*votes)->self == options.self && !(*votes)->has_been_voter) {
    spdlog::warn("metadata log is damaged; fetched anew from the voters directory={}", options.directory);
    if (auto cleared = clear(fs, options.directory); !cleared) return cleared.error();
    return try_open(fs, options, now);
  }
  spdlog::critical(
      "metadata log or votes are damaged, and this node may be a voter: others rely on what was lost. It is left as it "
      "is. Remove this voter from the quorum, empty its data directory, so that it gets a new directory id, start it "
      "again and add it as a voter node={} directory_id={} directory={}",
      options.self.node.value(), options.self.directory.to_string(), options.directory);
  return kDamaged;
}

Result<std::unique_ptr<RaftStore>> RaftStore::try_open(storage::FileSystem& fs, const Options& options, Timestamp now) {
  auto snapshots = SnapshotStore::open(fs, storage::join_path(options.directory, kSnapshots));
  if (!snapshots) return snapshots.error();
  std::unique_ptr<RaftStore> store{new RaftStore{fs, options, std::move(*snapshots)}};
  if (auto recovered = store->recover(now); !recovered) return recovered.error();
  return store;
}

Result<> RaftStore::recover(Timestamp now) {
  auto votes = read_votes(fs_, options_.directory);
  if (!votes) return votes.error();
  auto entries = EntryLog::open(fs_, options_.directory, now, options_.log);
  if (!entries) return entries.error();
  entries_ = std::move(*entries);
  auto found = snapshots_.find_all();
  if (!found) return found.error();
  const bool is_fresh = found->empty() && first_index() == LogIndex{1} && last_index() == kNoIndex;
  if (!*votes && !is_fresh) return damaged("there are no votes");  // it may have voted in any term
  if (*votes && (*votes)->self != options_.self) {
    spdlog::critical("metadata log is of another voter: node {} with directory id {} directory={}",
                     (*votes)->self.node.value(), (*votes)->self.directory.to_string(), options_.directory);
    return storage::Errc::wrong_directory;
  }
  votes_ = votes->value_or(Votes{.self = options_.self, .state = {}});
  if (auto chosen = choose_snapshot(std::move(*found)); !chosen) return chosen;
  if (const auto last = term(last_index()); !last || *last > votes_.state.term)
    return damaged("the votes are older than it");
  const bool becomes_voter = !votes_.has_been_voter && snapshot_.configuration.has(options_.self);
  votes_.has_been_voter = votes_.has_been_voter || becomes_voter;
  has_vote_file_ = votes->has_value();
  return becomes_voter && has_vote_file_ ? write_votes(fs_, options_.directory, votes_) : Result<>{};
}

Result<> RaftStore::choose_snapshot(std::vector<SnapshotStore::Found> found) {
  snapshot_.configuration = options_.bootstrap;
  if (found.empty()) {
    if (first_index() == LogIndex{1}) return {};
    return damaged("the snapshot that it begins behind is missing");
  }
  const auto& newest = found.front();
  if (newest.is_installing) {
    if (auto restarted = entries_->restart_at(newest.meta.index + 1); !restarted) return restarted;
    if (auto ended = snapshots_.end_install(newest.meta); !ended) return ended;
  }
  // What it covers was in the log: if that ends before, it lost its end.
  if (newest.meta.index > last_index()) return damaged("it ends before the latest snapshot does");
  if (newest.meta.index + 1 < first_index()) return damaged("the snapshot that it begins behind is missing");
  const auto in_log = entries_->term(newest.meta.index);
  if (in_log && *in_log != newest.meta.term) return damaged("the latest snapshot is not of it");
  snapshot_ = newest.meta;
  return {};
}

SnapshotMeta RaftStore::snapshot() const {
  const std::lock_guard lock{mutex_};
  return snapshot_;
}

LogIndex RaftStore::snapshot_index() const {
  const std::lock_guard lock{mutex_};
  return snapshot_.index;
}

void RaftStore::set_snapshot(const SnapshotMeta& meta) {
  const std::lock_guard lock{mutex_};
  snapshot_ = meta;
}

std::optional<Term> RaftStore::term(LogIndex index) const {
  if (index == kNoIndex) return kNoTerm;
  {
    const std::lock_guard lock{mutex_};
    if (index == snapshot_.index) return snapshot_.term;
  }
  return entries_->term(index);
}

std::vector<Entry> RaftStore::entries(LogIndex first, LogIndex end, std::size_t bytes_max) const {
  auto found = entries_->entries(first, end, bytes_max);
  if (found) return std::move(*found);
  spdlog::error("metadata log can't be read directory={} index={} error={}", options_.directory, first.value(),
                found.error().message());
  const std::lock_guard lock{mutex_};
  failure_ = found.error();
  return {};
}

std::optional<std::string> RaftStore::snapshot_bytes(const SnapshotMeta& snapshot, std::int64_t offset,
                                                     std::size_t bytes_max) const {
  return snapshots_.read(snapshot, offset, bytes_max);
}

std::error_code RaftStore::failure() const {
  const std::lock_guard lock{mutex_};
  return failure_;
}

Result<RaftStore::Written> RaftStore::write(Work work, Timestamp now) {
  Written written;
  if (auto voted = write_votes_for(work); !voted) return voted.error();
  for (const auto& part : work.parts) {
    if (auto taken = snapshots_.take_part(part); !taken) return taken.error();
    if (!part.done) continue;
    const auto is_sound = snapshots_.check_incoming(part.snapshot);
    if (!is_sound) return is_sound.error();
    written.is_snapshot_damaged = !*is_sound;
  }
  if (work.install) {
    auto state = install(*work.install);
    if (!state) return state.error();
    written.installed = std::move(*state);
  }
  if (auto entered = entries_->write(std::move(work.entries), now); !entered) return entered.error();
  return written;
}

bool RaftStore::names_self(const Work& work) const {
  if (work.install && work.install->configuration.has(options_.self)) return true;
  return std::ranges::any_of(work.entries, [&](const Entry& entry) { return entry.configuration.has(options_.self); });
}

/// That it is a voter is written down before what makes it one.
Result<> RaftStore::write_votes_for(const Work& work) {
  const bool becomes_voter = !votes_.has_been_voter && names_self(work);
  const bool is_first = !has_vote_file_ && (work.install || !work.entries.empty());
  if (!work.hard_state && !becomes_voter && !is_first) return {};
  votes_.state = work.hard_state.value_or(votes_.state);
  votes_.has_been_voter = votes_.has_been_voter || becomes_voter;
  has_vote_file_ = true;
  return write_votes(fs_, options_.directory, votes_);
}

Result<std::string> RaftStore::install(const SnapshotMeta& meta) {
  if (auto begun = snapshots_.begin_install(meta); !begun) return begun.error();
  if (auto restarted = entries_->restart_at(meta.index + 1); !restarted) return restarted.error();
  if (auto ended = snapshots_.end_install(meta); !ended) return ended.error();
  set_snapshot(meta);
  if (auto removed = snapshots_.remove_old(meta, options_.snapshots_kept); !removed) return removed.error();
  return snapshots_.load(meta);
}

Result<bool> RaftStore::adopt_snapshot(const SnapshotMeta& meta, Timestamp now) {
  const auto before = snapshot();
  if (before.index >= meta.index) return false;
  SLUICE_ASSERT(meta.index <= last_index(), meta.index, last_index());
  set_snapshot(meta);
  if (auto removed = snapshots_.remove_old(meta, options_.snapshots_kept); !removed)
    return {boost::system::in_place_error, removed.error()};
  if (auto dropped = entries_->drop_before(before.index + 1, now); !dropped)
    return {boost::system::in_place_error, dropped.error()};
  return true;
}

}  // namespace sluice::broker::raft
