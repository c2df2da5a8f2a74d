#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <utility>

#include "protocol/base/assert.hpp"
#include "storage/checkpoint/partition_metadata.hpp"
#include "storage/data_directory/data_directory.hpp"
#include "storage/log_manager_state.hpp"

namespace sluice::storage {

LogManager::LogManager(std::unique_ptr<State> state) : state_(std::move(state)) {}
LogManager::~LogManager() = default;

std::string LogManager::cluster_id() const {
  const std::lock_guard lock{state_->mutex};
  return state_->cluster_id;
}
Uuid LogManager::directory_id(std::size_t index) const {
  const auto& meta = state_->directories.at(index).meta();
  return meta ? meta->directory_id : Uuid{};
}
bool LogManager::clean_shutdown_found() const noexcept { return state_->clean_shutdown_found; }

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

Result<> LogManager::remove(const TopicPartition& partition) {
  std::optional<State::Held> held;
  {
    const std::lock_guard lock{state_->mutex};
    held = state_->release(partition);
  }
  if (!held) return {};
  auto path = held->log->retire(retired_name(partition));
  if (!path) return path.error();
  const std::lock_guard lock{state_->mutex};
  state_->retired.push_back({std::move(*path), Timestamp{0}, held->directory});
  return {};
}

Result<> LogManager::set_aside(const TopicPartition& partition) {
  std::optional<State::Held> held;
  {
    const std::lock_guard lock{state_->mutex};
    held = state_->release(partition);
  }
  if (!held) return {};
  if (const auto path = held->log->retire(stray_name(partition)); !path) return path.error();
  return {};
}

void LogManager::remove_retired(Timestamp now, std::chrono::milliseconds delay) {
  std::vector<State::Retired> due;
  {
    const std::lock_guard lock{state_->mutex};
    for (auto& retired : state_->retired) {
      if (retired.since == Timestamp{0}) retired.since = now;  // first seen
    }
    // A full disk needs the room at once.
    const auto is_due = [&](const State::Retired& retired) {
      return now - retired.since >= delay.count() || state_->healths[retired.directory]->space().is_full();
    };
    std::copy_if(state_->retired.begin(), state_->retired.end(), std::back_inserter(due), is_due);
    std::erase_if(state_->retired, is_due);
  }
  state_->resources.removals.remove_due(state_->fs, now, [this](const std::string& path) {
    const auto* health = state_->fs.find(path);
    return health != nullptr && health->space().is_full();
  });
  for (const auto& retired : due) {
    // What can't be removed now is found again at the next start.
    (void)state_->fs.remove_all(retired.path);
  }
}

Result<> LogManager::close(const HighWatermarkOf& high_watermark_of, const RunAll& run_all) {
  auto logs = state_->snapshot();
  std::erase_if(logs, [&](const auto& entry) { return !state_->is_online(entry.second.directory); });
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
  if (const auto done = checkpoint(high_watermark_of); !done) return done;
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
    if (!sound[i] || !state_->is_online(i)) continue;
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

}  // namespace sluice::storage
