#include <algorithm>
#include <map>
#include <utility>

#include "protocol/base/assert.hpp"
#include "storage/checkpoint/copy_generation.hpp"
#include "storage/checkpoint/partition_metadata.hpp"
#include "storage/data_directory/ballast.hpp"
#include "storage/data_directory/known_directories.hpp"
#include "storage/log_manager_state.hpp"

// Starting: which directories can be used, and what is in them.

namespace sluice::storage {

Uuid read_topic_id(FileSystem& fs, const std::string& directory) {
  const auto metadata = read_partition_metadata(fs, join_path(directory, kPartitionMetadataFile));
  return metadata ? metadata->topic_id : Uuid{};
}

namespace {

/// The cluster that the directories belong to, all of them; empty where none was used before.
Result<std::string> agree_on_cluster(const std::vector<DataDirectory>& directories, const DirectoryOwner& owner) {
  auto cluster_id = owner.cluster_id;
  for (const auto& directory : directories) {
    const auto& meta = directory.meta();
    if (!meta) continue;
    if (meta->node_id != owner.node_id) return make_error_code(Errc::wrong_directory);
    if (meta->cluster_id.empty()) continue;  // used, but never in a cluster that had an id
    if (cluster_id.empty()) cluster_id = meta->cluster_id;
    if (meta->cluster_id != cluster_id) return make_error_code(Errc::wrong_directory);
  }
  return cluster_id;
}

}  // namespace

Result<std::unique_ptr<LogManager>> LogManager::open(FileSystem& fs, std::vector<std::string> directories,
                                                     DirectoryOwner owner) {
  auto state = std::make_unique<State>(fs);
  for (const auto& path : directories) {
    state->healths.push_back(std::make_unique<DirectoryHealth>(path));
    state->fs.watch(*state->healths.back());
  }
  std::error_code failure;
  for (std::size_t i = 0; i < directories.size(); ++i) {
    auto opened = DataDirectory::open(state->fs, directories[i], &fs == &posix_file_system());
    if (!opened) {
      state->healths[i]->fail(opened.error());
      failure = opened.error();
    }
    if (opened) drop_ballast_if_needed(state->fs, directories[i]);
    state->directories.push_back(opened ? std::move(*opened) : DataDirectory::unusable(state->fs, directories[i]));
  }
  auto cluster_id = agree_on_cluster(state->directories, owner);
  if (!cluster_id) return cluster_id.error();
  // The one that can't be read may know the cluster: without it, the others must not found another.
  if (cluster_id->empty() && failure) return failure;
  if (cluster_id->empty() && !owner.may_be_unknown) *cluster_id = Uuid::random().to_string();
  state->cluster_id = std::move(*cluster_id);
  std::unique_ptr<LogManager> manager{new LogManager{std::move(state)}};
  if (const auto claimed = manager->claim_directories(owner); !claimed) return claimed.error();
  return manager;
}

Result<> LogManager::claim_directories(const DirectoryOwner& owner) {
  auto& state = *state_;
  std::error_code failure;
  bool any = false;
  for (std::size_t i = 0; i < state.directories.size(); ++i) {
    auto& directory = state.directories[i];
    if (state.is_online(i)) {
      auto meta = directory.meta().value_or(MetaProperties{state.cluster_id, owner.node_id, {}});
      if (meta.directory_id.is_zero()) meta.directory_id = Uuid::random();
      if (meta.cluster_id.empty()) meta.cluster_id = state.cluster_id;
      if (const auto claimed = directory.claim(meta); !claimed) state.healths[i]->fail(claimed.error());
    }
    any = any || state.is_online(i);
    if (!state.is_online(i)) failure = state.healths[i]->error();
  }
  if (!any) return failure;
  remember_directories();
  return {};
}

Result<> LogManager::adopt_cluster_id(const std::string& cluster_id) {
  auto& state = *state_;
  SLUICE_ASSERT(!cluster_id.empty());
  const std::lock_guard one_at_a_time{state.checkpoint_mutex};
  const auto known = this->cluster_id();
  if (known == cluster_id) return {};
  if (!known.empty()) return make_error_code(Errc::wrong_directory);
  std::error_code failure;
  bool any = false;
  for (std::size_t i = 0; i < state.directories.size(); ++i) {
    if (!state.is_online(i)) continue;
    if (const auto adopted = state.directories[i].adopt(cluster_id); !adopted) {
      failure = adopted.error();
      state.healths[i]->fail(failure);
    }
    any = any || state.is_online(i);
  }
  if (!any) return failure ? failure : make_error_code(Errc::directory_offline);
  const std::lock_guard lock{state.mutex};
  state.cluster_id = cluster_id;
  return {};
}

// Best effort where it is written, as on a full disk: what is remembered too little is what was remembered before.
void LogManager::remember_directories() {
  auto& state = *state_;
  std::vector<KnownDirectory> present;
  std::vector<KnownDirectory> all;
  for (std::size_t i = 0; i < state.directories.size(); ++i) {
    if (!state.is_online(i)) continue;
    const auto& directory = state.directories[i];
    present.push_back({directory.meta()->directory_id, directory.path()});
    const auto known = read_known_directories(state.fs, directory.path());
    if (!known) continue;
    for (const auto& one : *known) {
      if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
    }
  }
  std::erase_if(all, [&](const KnownDirectory& known) {
    return std::any_of(present.begin(), present.end(), [&](const auto& one) { return one.id == known.id; });
  });
  state.missing = all;
  all.insert(all.begin(), present.begin(), present.end());
  write_known(all);
}

void LogManager::write_known(const std::vector<KnownDirectory>& known) {
  auto& state = *state_;
  for (std::size_t i = 0; i < state.directories.size(); ++i) {
    if (!state.is_online(i)) continue;
    const auto& path = state.directories[i].path();
    const auto before = read_known_directories(state.fs, path);
    if (before && *before == known) continue;
    if (known.size() == 1 && (!before || before->empty())) continue;  // alone, as ever
    (void)write_known_directories(state.fs, path, known);
  }
}

/// What one directory holds that `options_for` claims, and what its checkpoints say of each.
Result<> LogManager::survey(std::size_t index, const OptionsFor& options_for, Timestamp now,
                            std::vector<Recovered>& found, std::vector<Job>& jobs) {
  auto& directory = state_->directories[index];
  auto partitions = directory.partitions();
  if (!partitions) return partitions.error();
  const auto clean = directory.take_clean_shutdown();
  if (!clean) return clean.error();
  state_->clean_shutdown_found = state_->clean_shutdown_found && *clean;
  const auto recovery_points = directory.read_checkpoint(kRecoveryPointCheckpoint);
  if (!recovery_points) return recovery_points.error();
  const auto log_starts = directory.read_checkpoint(kLogStartCheckpoint);
  if (!log_starts) return log_starts.error();
  auto high_watermarks = directory.read_checkpoint(kHighWatermarkCheckpoint);
  if (!high_watermarks) return high_watermarks.error();
  state_->checkpointed_high_watermarks.merge(*high_watermarks);
  if (const auto cleared = find_leftovers(index); !cleared) return cleared.error();
  const auto at = [](const OffsetCheckpoint& offsets, const TopicPartition& partition) {
    const auto known = offsets.find(partition);
    return known == offsets.end() ? Offset{0} : known->second;
  };
  for (auto& [partition, path] : *partitions) {
    const auto options = options_for(partition);
    if (!options) continue;
    jobs.push_back({.options = *options,
                    .opening = {.recovery_point = at(*recovery_points, partition),
                                .log_start_offset = at(*log_starts, partition),
                                .clean_shutdown = *clean,
                                .now = now,
                                .health = state_->healths[index].get()},
                    .directory = index,
                    .may_be_unsynced = !*clean && !recovery_points->contains(partition)});
    found.push_back({.partition = std::move(partition), .directory = std::move(path), .report = {}, .error = {}});
  }
  return {};
}

/// What is to be deleted: since when is not known, its delay begins anew. And unfinished copies, which are begun anew.
Result<> LogManager::find_leftovers(std::size_t index) {
  auto& directory = state_->directories[index];
  const auto retired = directory.retired();
  if (!retired) return retired.error();
  for (const auto& path : *retired) state_->retired.push_back({path, Timestamp{0}, index});
  auto futures = directory.futures();
  if (!futures) return futures.error();
  for (auto& [partition, path] : *futures) {
    state_->retired.push_back({std::move(path), Timestamp{0}, index});
    state_->interrupted_moves.emplace_back(std::move(partition), directory.path());
  }
  return {};
}

/// Of copies in several directories, those that are not the partition; of a tie, none is.
LogManager::Superseded LogManager::find_superseded(std::vector<Recovered>& found,
                                                   const std::function<Uuid(const TopicPartition&)>& topic_id_of) {
  std::map<TopicPartition, std::vector<std::size_t>> copies;
  for (std::size_t i = 0; i < found.size(); ++i) copies[found[i].partition].push_back(i);
  Superseded superseded;
  for (auto& [partition, places] : copies) {
    if (places.size() == 1) continue;
    const auto wanted = topic_id_of ? topic_id_of(partition) : Uuid{};
    const auto is_other = [&](std::size_t i) { return read_topic_id(state_->fs, found[i].directory) != wanted; };
    if (!wanted.is_zero() && !std::all_of(places.begin(), places.end(), is_other)) {
      for (const auto i : places) {
        if (is_other(i)) superseded[i] = std::nullopt;
      }
      std::erase_if(places, is_other);
    }
    std::map<std::uint32_t, std::vector<std::size_t>> by_generation;
    for (const auto i : places) {
      const auto copy = read_copy_generation(state_->fs, found[i].directory);
      by_generation[copy ? copy->generation : 0].push_back(i);
    }
    const auto& newest = by_generation.rbegin()->second;
    for (const auto i : places) {
      if (newest.size() > 1) {
        found[i].error = Errc::wrong_directory;  // nobody knows which is the newer
      } else if (i != newest.front()) {
        superseded[i] = newest.front();
      }
    }
  }
  return superseded;
}

/// Whether the copy in `path` is the partition, as far as the directories at hand can tell.
Result<> LogManager::check_copy(const std::string& path) {
  auto& state = *state_;
  const auto there = state.fs.exists(join_path(path, kCopyGenerationFile));
  if (!there) return there.error();
  if (!*there) return {};
  const auto copy = read_copy_generation(state.fs, path);
  if (!copy) return copy.error();
  if (!copy->moving_to) return {};
  for (std::size_t i = 0; i < state.directories.size(); ++i) {
    const auto& meta = state.directories[i].meta();
    if (!meta || meta->directory_id != *copy->moving_to || !state.is_online(i)) continue;
    // It was about to be replaced by a copy there, and was not.
    return write_copy_generation(state.fs, path, {.generation = copy->generation});
  }
  return Errc::directory_offline;
}

const RecoveryProgress& LogManager::progress() const noexcept { return state_->progress; }

void LogManager::on_damage(std::function<void(const std::string&, const DamagedRange&)> listener) {
  state_->resources.on_damage = std::move(listener);
}

void LogManager::open_log(Recovered& found, Job& job) {
  std::unique_ptr<Log> log;
  job.opening.progress = &state_->progress;
  if (!found.error) {
    if (const auto current = check_copy(found.directory); !current) found.error = current.error();
  }
  if (!found.error) {
    auto opened = Log::open(state_->resources, found.directory, job.options, job.opening, &found.report);
    if (opened) {
      log = std::move(*opened);
    } else {
      found.error = opened.error();
    }
  }
  if (!log) {
    const std::lock_guard lock{state_->mutex};
    state_->unopened.push_back({found.partition, found.directory, job.directory, job.opening.recovery_point,
                                job.opening.log_start_offset, found.error});
    return;
  }
  const auto topic_id = read_topic_id(state_->fs, found.directory);
  // The power went while it was made: nothing was ever in it, and it is made again.
  if (topic_id.is_zero() && log->log_end_offset() == Offset{0} && log->size_bytes() == 0) return;
  const auto shared = state_->share(std::move(log));
  const std::lock_guard lock{state_->mutex};
  if (job.may_be_unsynced) state_->unsynced.push_back({shared, job.directory});
  state_->hold(found.partition, {shared, topic_id, job.directory});
}

/// A copy that a move left behind goes once the newer one is there.
void LogManager::retire_copy(const Recovered& copy, std::size_t directory) {
  const auto& parent = state_->directories[directory].path();
  auto path = join_path(parent, retired_name(copy.partition));
  if (!state_->fs.rename(copy.directory, path) || !state_->fs.sync_directory(parent)) return;
  const std::lock_guard lock{state_->mutex};
  state_->retired.push_back({std::move(path), Timestamp{0}, directory});
}

Result<std::vector<LogManager::Recovered>> LogManager::load_all(
    const OptionsFor& options_for, Timestamp now, const RunAll& run_all,
    const std::function<Uuid(const TopicPartition&)>& topic_id_of) {
  std::vector<Recovered> recovered;
  std::vector<Job> openings;
  std::error_code failure;
  bool any = false;
  for (std::size_t i = 0; i < state_->directories.size(); ++i) {
    if (!state_->is_online(i)) continue;
    const auto before = recovered.size();
    if (const auto surveyed = survey(i, options_for, now, recovered, openings); surveyed) {
      any = true;
      continue;
    } else {
      failure = surveyed.error();
    }
    // Going on with what was read would trust damaged logs, or begin anew beside records that are there.
    state_->healths[i]->fail(failure);
    recovered.resize(before);
    openings.resize(before);
  }
  if (!any) return failure;

  const auto superseded = find_superseded(recovered, topic_id_of);
  std::vector<std::function<void()>> jobs;
  for (std::size_t i = 0; i < recovered.size(); ++i) {
    if (superseded.contains(i)) continue;
    jobs.push_back([this, &found = recovered[i], &job = openings[i]] {
      open_log(found, job);
      ++state_->progress.logs_done;
    });
  }
  state_->progress.logs_total += jobs.size();
  run_all(std::move(jobs));
  for (const auto& [old, newer] : superseded) {
    if (newer && !recovered[*newer].error) retire_copy(recovered[old], openings[old].directory);
  }
  for (auto old = superseded.rbegin(); old != superseded.rend(); ++old) {
    recovered.erase(recovered.begin() + static_cast<std::ptrdiff_t>(old->first));
  }
  return recovered;
}

}  // namespace sluice::storage
