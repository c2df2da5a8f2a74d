#include <algorithm>

#include "storage/checkpoint/partition_metadata.hpp"
#include "storage/log_manager_state.hpp"

// New logs: whether one may be made, and where.

namespace sluice::storage {
namespace {

constexpr std::size_t kWishesMax = 10'000;  // of partitions that may never come
constexpr std::size_t kSyncedSinglyMax = 2;

Result<> sync_singly(FileSystem& fs, const std::string& parent, const std::vector<std::shared_ptr<Log>>& logs) {
  for (const auto& log : logs) {
    const auto path = log->directory();
    const auto metadata = fs.open(join_path(path, kPartitionMetadataFile), OpenMode::existing);
    if (!metadata) return metadata.error();
    if (const auto synced = (*metadata)->sync_data(); !synced) return synced;
    if (const auto synced = fs.sync_directory(path); !synced) return synced;
  }
  return fs.sync_directory(parent);
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

}  // namespace

/// The emptiest directory: fewest partitions, then most room. One with a full disk only where all are.
std::optional<std::size_t> LogManager::emptiest_directory() const {
  std::vector<std::size_t> counts;
  {
    const std::lock_guard lock{state_->mutex};
    counts = state_->log_counts;
    counts.resize(state_->directories.size());
    for (const auto& unopened : state_->unopened) ++counts[unopened.directory];
  }
  std::optional<std::size_t> best;
  const auto is_emptier = [&](std::size_t left, std::size_t right) {
    const auto& one = state_->healths[left]->space();
    const auto& other = state_->healths[right]->space();
    if (one.is_full() != other.is_full()) return other.is_full();
    if (counts[left] != counts[right]) return counts[left] < counts[right];
    return one.room() > other.room();
  };
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (state_->is_online(i) && (!best || is_emptier(i, *best))) best = i;
  }
  return best;
}

/// Where the partition's directory is begun already or should be.
Result<std::size_t> LogManager::choose_directory(const TopicPartition& partition, const Uuid& topic_id) {
  auto chosen = emptiest_directory();
  if (!chosen) return make_error_code(Errc::directory_offline);
  {
    const std::lock_guard lock{state_->mutex};
    const auto wish = state_->wished.find(partition);
    if (wish != state_->wished.end() && state_->is_online(wish->second)) chosen = wish->second;
  }
  for (std::size_t i = 0; i < state_->directories.size(); ++i) {
    if (!state_->is_online(i)) continue;
    const auto begun = has_directory_for(state_->fs, state_->directories[i], partition, topic_id);
    if (!begun) return begun.error();
    if (*begun) chosen = i;
  }
  return *chosen;
}

bool LogManager::may_hold_more() const noexcept {
  const auto& healths = state_->healths;
  return !state_->missing.empty() ||
         std::any_of(healths.begin(), healths.end(), [](const auto& health) { return health->has_failed(); });
}

Result<std::shared_ptr<Log>> LogManager::create(const TopicPartition& partition, const Uuid& topic_id,
                                                const LogOptions& options, Timestamp now, Novelty novelty) {
  // Its files are refused as they are: nothing may be appended to them as if they were new.
  for (const auto& unopened : state_->unopened_snapshot()) {
    const bool same = unopened.partition == partition && read_topic_id(state_->fs, unopened.path) == topic_id;
    if (same) return unopened.error;
  }
  if (novelty == Novelty::known && may_hold_more()) return Errc::directory_offline;
  const auto chosen = choose_directory(partition, topic_id);
  if (!chosen) return chosen.error();
  const auto& parent = state_->directories[*chosen];
  const auto path = parent.path_of(partition);
  if (const auto made = state_->fs.create_directories(path); !made) return made.error();
  const auto metadata_path = join_path(path, kPartitionMetadataFile);
  if (const auto noted = write_partition_metadata(state_->fs, metadata_path, {topic_id}); !noted) return noted.error();
  auto log = Log::open(state_->resources, path, options,
                       {.clean_shutdown = true, .now = now, .health = state_->healths[*chosen].get()});
  if (!log) return log.error();
  const auto shared = state_->share(std::move(*log));
  const std::lock_guard lock{state_->mutex};
  std::erase_if(state_->unopened, [&](const State::Unopened& unopened) { return unopened.partition == partition; });
  state_->hold(partition, {shared, topic_id, *chosen});
  state_->unsynced.push_back({shared, *chosen});
  state_->wished.erase(partition);
  return shared;
}

// One wait for the whole file system costs about as much as those for two or three of the logs.
Result<> LogManager::sync_created() {
  std::vector<State::Created> created;
  {
    const std::lock_guard lock{state_->mutex};
    created.swap(state_->unsynced);
  }
  std::map<std::size_t, std::vector<std::shared_ptr<Log>>> by_directory;
  for (auto& made : created) by_directory[made.directory].push_back(std::move(made.log));
  for (const auto& [directory, logs] : by_directory) {
    const auto& parent = state_->directories[directory].path();
    const bool many = logs.size() > kSyncedSinglyMax;
    const auto synced = many ? state_->fs.sync_file_system(parent) : sync_singly(state_->fs, parent, logs);
    if (!synced) return synced;
    for (const auto& log : logs) log->names_were_synced();
  }
  return {};
}

Result<> LogManager::wish(const TopicPartition& partition, const std::string& directory) {
  const auto index = find_directory(directory);
  if (!index) return index.error();
  const std::lock_guard lock{state_->mutex};
  if (state_->wished.size() >= kWishesMax) state_->wished.clear();
  state_->wished[partition] = *index;
  return {};
}

}  // namespace sluice::storage
