#include "storage/log_manager.hpp"

#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <utility>

#include "protocol/base/assert.hpp"
#include "storage/checkpoint/partition_metadata.hpp"
#include "storage/data_directory/data_directory.hpp"

namespace sluice::storage {

struct LogManager::State {
  struct Held {
    std::shared_ptr<Log> log;
    Uuid topic_id;
    std::size_t directory;
  };
  struct Retired {
    std::string path;
    Timestamp since;
  };
  /// A log that is there and could not be opened. What the checkpoints say of it is carried on: without its recovery
  /// point, damage in its middle would be cut at the next start like a torn tail.
  struct Unopened {
    TopicPartition partition;
    std::string path;
    std::size_t directory;
    Offset recovery_point;
    Offset log_start_offset;
    std::error_code error;
  };

  explicit State(FileSystem& files) : fs(files), resources(files) {}

  FileSystem& fs;
  LogResources resources;
  std::vector<DataDirectory> directories;
  std::string cluster_id;
  bool clean_shutdown_found = true;
  std::map<TopicPartition, Offset> checkpointed_high_watermarks;

  mutable std::mutex mutex;  // of the three below; never held during I/O on a log
  std::unordered_map<TopicPartition, Held> logs;
  std::vector<Unopened> unopened;
  std::vector<Retired> retired;

  std::vector<std::pair<TopicPartition, Held>> snapshot() const {
    const std::lock_guard lock{mutex};
    return {logs.begin(), logs.end()};
  }
  std::vector<Unopened> unopened_snapshot() const {
    const std::lock_guard lock{mutex};
    return unopened;
  }
};

namespace {

Uuid read_topic_id(FileSystem& fs, const std::string& directory) {
  const auto metadata = read_partition_metadata(fs, join_path(directory, kPartitionMetadataFile));
  return metadata ? metadata->topic_id : Uuid{};
}

/// Whether `parent` has a directory for this partition already, made for this topic before a crash. One that holds
/// another topic's data is moved aside: what was deleted or forgotten must not come back as the beginning of a new
/// topic. It is kept, under another name.
Result<bool> has_directory_for(FileSystem& fs, const DataDirectory& parent, const TopicPartition& partition,
                               const Uuid& topic_id) {
  const auto path = parent.path_of(partition);
  auto noted = fs.exists(join_path(path, kPartitionMetadataFile));
  if (!noted || !*noted || read_topic_id(fs, path) == topic_id) return noted;
  if (const auto aside = fs.rename(path, join_path(parent.path(), stray_name(partition))); !aside) {
    return {boost::system::in_place_error, aside.error()};
  }
  return false;
}

/// The cluster that the directories belong to, all of them; a new one where none was used before.
Result<std::string> agree_on_cluster(const std::vector<DataDirectory>& directories, const DirectoryOwner& owner) {
  auto cluster_id = owner.cluster_id;
  for (const auto& directory : directories) {
    const auto& meta = directory.meta();
    if (!meta) continue;
    if (cluster_id.empty()) cluster_id = meta->cluster_id;
    if (meta->cluster_id != cluster_id || meta->node_id != owner.node_id) return make_error_code(Errc::wrong_directory);
  }
  return cluster_id.empty() ? Uuid::random().to_string() : cluster_id;
}

}  // namespace

LogManager::LogManager(std::unique_ptr<State> state) : state_(std::move(state)) {}
LogManager::~LogManager() = default;

Result<std::unique_ptr<LogManager>> LogManager::open(FileSystem& fs, std::vector<std::string> directories,
                                                     DirectoryOwner owner) {
  auto state = std::make_unique<State>(fs);
  for (auto& path : directories) {
    auto directory = DataDirectory::open(fs, std::move(path));
    if (!directory) return directory.error();
    state->directories.push_back(std::move(*directory));
  }
  auto cluster_id = agree_on_cluster(state->directories, owner);
  if (!cluster_id) return cluster_id.error();
  state->cluster_id = std::move(*cluster_id);
  for (auto& directory : state->directories) {
    auto meta = directory.meta().value_or(MetaProperties{state->cluster_id, owner.node_id, {}});
    if (meta.directory_id.is_zero()) meta.directory_id = Uuid::random();
    if (const auto claimed = directory.claim(meta); !claimed) return claimed.error();
  }
  return std::unique_ptr<LogManager>{new LogManager{std::move(state)}};
}

const std::string& LogManager::cluster_id() const noexcept { return state_->cluster_id; }
Uuid LogManager::directory_id(std::size_t index) const { return state_->directories.at(index).meta()->directory_id; }
bool LogManager::clean_shutdown_found() const noexcept { return state_->clean_shutdown_found; }

/// What one directory holds that `options_for` claims, and what its checkpoints say of each.
Result<> LogManager::survey(std::size_t index, const OptionsFor& options_for, Timestamp now,
                            std::vector<Recovered>& found, std::vector<Job>& jobs) {
  auto& directory = state_->directories[index];
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
  const auto retired = directory.retired();
  if (!retired) return retired.error();
  // When they were renamed is not known: their delay begins anew.
  for (const auto& path : *retired) state_->retired.push_back({path, Timestamp{0}});
  auto partitions = directory.partitions();
  if (!partitions) return partitions.error();
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
                                .now = now},
                    .directory = index});
    found.push_back({.partition = std::move(partition), .directory = std::move(path), .report = {}, .error = {}});
  }
  return {};
}

Result<std::vector<LogManager::Recovered>> LogManager::load_all(const OptionsFor& options_for, Timestamp now,
                                                                const RunAll& run_all) {
  std::vector<Recovered> recovered;
  std::vector<Job> openings;
  for (std::size_t i = 0; i < state_->directories.size(); ++i) {
    if (const auto surveyed = survey(i, options_for, now, recovered, openings); !surveyed) return surveyed.error();
  }

  // Of two copies of a partition in different directories nobody knows which is the newer.
  std::map<TopicPartition, int> count;
  for (const auto& found : recovered) ++count[found.partition];
  std::vector<std::function<void()>> jobs;
  for (std::size_t i = 0; i < recovered.size(); ++i) {
    jobs.push_back([this, &count, &found = recovered[i], &job = openings[i]] {
      auto log = count.at(found.partition) > 1
                     ? Result<std::unique_ptr<Log>>{Errc::wrong_directory}
                     : Log::open(state_->resources, found.directory, job.options, job.opening, &found.report);
      if (!log) {
        found.error = log.error();
        const std::lock_guard lock{state_->mutex};
        state_->unopened.push_back({found.partition, found.directory, job.directory, job.opening.recovery_point,
                                    job.opening.log_start_offset, found.error});
        return;
      }
      State::Held held{std::move(*log), read_topic_id(state_->fs, found.directory), job.directory};
      const std::lock_guard lock{state_->mutex};
      state_->logs.insert_or_assign(found.partition, std::move(held));
    });
  }
  run_all(std::move(jobs));
  return recovered;
}

std::shared_ptr<Log> LogManager::find(const TopicPartition& partition) const {
  const std::lock_guard lock{state_->mutex};
  const auto found = state_->logs.find(partition);
  return found == state_->logs.end() ? nullptr : found->second.log;
}

Uuid LogManager::topic_id(const TopicPartition& partition) const {
  const std::lock_guard lock{state_->mutex};
  const auto found = state_->logs.find(partition);
  return found == state_->logs.end() ? Uuid{} : found->second.topic_id;
}

Result<std::shared_ptr<Log>> LogManager::create(const TopicPartition& partition, const Uuid& topic_id,
                                                const LogOptions& options, Timestamp now) {
  std::vector<std::size_t> counts(state_->directories.size());
  {
    const std::lock_guard lock{state_->mutex};
    for (const auto& [name, held] : state_->logs) ++counts[held.directory];
  }
  // Its files are refused as they are: nothing may be appended to them as if they were new.
  for (const auto& unopened : state_->unopened_snapshot()) {
    const bool same = unopened.partition == partition && read_topic_id(state_->fs, unopened.path) == topic_id;
    if (same) return unopened.error;
  }
  auto chosen = static_cast<std::size_t>(std::min_element(counts.begin(), counts.end()) - counts.begin());
  for (std::size_t i = 0; i < state_->directories.size(); ++i) {
    const auto begun = has_directory_for(state_->fs, state_->directories[i], partition, topic_id);
    if (!begun) return begun.error();
    if (*begun) chosen = i;
  }
  const auto& parent = state_->directories[chosen];
  const auto path = parent.path_of(partition);
  if (const auto made = state_->fs.create_directories(path); !made) return made.error();
  const auto metadata_path = join_path(path, kPartitionMetadataFile);
  if (const auto noted = write_partition_metadata(state_->fs, metadata_path, {topic_id}); !noted) return noted.error();
  auto log = Log::open(state_->resources, path, options, {.clean_shutdown = true, .now = now});
  if (!log) return log.error();
  if (const auto synced = state_->fs.sync_directory(parent.path()); !synced) return synced.error();
  std::shared_ptr<Log> shared = std::move(*log);
  const std::lock_guard lock{state_->mutex};
  std::erase_if(state_->unopened, [&](const State::Unopened& unopened) { return unopened.partition == partition; });
  state_->logs.insert_or_assign(partition, State::Held{shared, topic_id, chosen});
  return shared;
}

Result<> LogManager::remove(const TopicPartition& partition) {
  std::optional<State::Held> held;
  {
    const std::lock_guard lock{state_->mutex};
    const auto found = state_->logs.find(partition);
    if (found == state_->logs.end()) return {};
    held = std::move(found->second);
    state_->logs.erase(found);
  }
  auto path = held->log->retire(retired_name(partition));
  if (!path) return path.error();
  const std::lock_guard lock{state_->mutex};
  state_->retired.push_back({std::move(*path), Timestamp{0}});
  return {};
}

void LogManager::remove_retired(Timestamp now, std::chrono::milliseconds delay) {
  std::vector<State::Retired> due;
  {
    const std::lock_guard lock{state_->mutex};
    for (auto& retired : state_->retired) {
      if (retired.since == Timestamp{0}) retired.since = now;  // first seen
    }
    const auto is_due = [&](const State::Retired& retired) { return now - retired.since >= delay.count(); };
    std::copy_if(state_->retired.begin(), state_->retired.end(), std::back_inserter(due), is_due);
    std::erase_if(state_->retired, is_due);
  }
  for (const auto& retired : due) {
    // What can't be removed now is found again at the next start.
    (void)state_->fs.remove_all(retired.path);
  }
}

Result<> LogManager::checkpoint(const std::map<TopicPartition, Offset>& high_watermarks) {
  std::vector<OffsetCheckpoint> recovery_points(state_->directories.size());
  std::vector<OffsetCheckpoint> log_starts(state_->directories.size());
  std::vector<OffsetCheckpoint> watermarks(state_->directories.size());
  for (const auto& [partition, held] : state_->snapshot()) {
    recovery_points[held.directory][partition] = held.log->synced_end_offset();
    log_starts[held.directory][partition] = held.log->log_start_offset();
    if (const auto found = high_watermarks.find(partition); found != high_watermarks.end()) {
      watermarks[held.directory][partition] = found->second;
    }
  }
  for (const auto& unopened : state_->unopened_snapshot()) {
    recovery_points[unopened.directory][unopened.partition] = unopened.recovery_point;
    log_starts[unopened.directory][unopened.partition] = unopened.log_start_offset;
  }
  for (std::size_t i = 0; i < state_->directories.size(); ++i) {
    auto& directory = state_->directories[i];
    // Log starts first: deleted records count as synced, so a recovery point without its log start claims too much.
    if (const auto done = directory.write_checkpoint(kLogStartCheckpoint, log_starts[i]); !done) return done;
    if (const auto done = directory.write_checkpoint(kRecoveryPointCheckpoint, recovery_points[i]); !done) return done;
    if (const auto done = directory.write_checkpoint(kHighWatermarkCheckpoint, watermarks[i]); !done) return done;
  }
  return {};
}

std::optional<Offset> LogManager::checkpointed_high_watermark(const TopicPartition& partition) const {
  const auto found = state_->checkpointed_high_watermarks.find(partition);
  if (found == state_->checkpointed_high_watermarks.end()) return std::nullopt;
  return found->second;
}

Result<> LogManager::close(const std::map<TopicPartition, Offset>& high_watermarks, const RunAll& run_all) {
  const auto logs = state_->snapshot();
  // An element each: the jobs run side by side.
  std::vector<std::error_code> errors(logs.size());
  std::vector<std::function<void()>> jobs;
  for (std::size_t i = 0; i < logs.size(); ++i) {
    jobs.push_back([&log = *logs[i].second.log, &error = errors[i]] {
      if (const auto synced = log.sync(); !synced) error = synced.error();
      if (const auto closed = log.close(); !closed && !error) error = closed.error();
    });
  }
  run_all(std::move(jobs));
  if (const auto done = checkpoint(high_watermarks); !done) return done;
  std::error_code first;
  std::vector<bool> sound(state_->directories.size(), true);
  for (std::size_t i = 0; i < logs.size(); ++i) {
    if (!errors[i]) continue;
    sound[logs[i].second.directory] = false;
    if (!first) first = errors[i];
  }
  // The mark would have the next start trust a log that this one refused.
  for (const auto& unopened : state_->unopened_snapshot()) sound[unopened.directory] = false;
  for (std::size_t i = 0; i < state_->directories.size(); ++i) {
    if (!sound[i]) continue;
    if (const auto marked = state_->directories[i].leave_clean_shutdown(); !marked) return marked;
  }
  if (first) return first;
  return {};
}

void LogManager::for_each(const std::function<void(const TopicPartition&, const std::shared_ptr<Log>&,
                                                   const std::string& directory)>& visit) const {
  for (const auto& [partition, held] : state_->snapshot()) {
    visit(partition, held.log, state_->directories[held.directory].path());
  }
}

std::vector<LogManager::Space> LogManager::spaces() const {
  std::vector<Space> spaces;
  for (const auto& directory : state_->directories) {
    const auto space = state_->fs.space(directory.path());
    spaces.push_back({.directory = directory.path(),
                      .directory_id = directory.meta()->directory_id,
                      .space = space ? *space : FileSystem::Space{},
                      .offline = !space});
  }
  return spaces;
}

}  // namespace sluice::storage
