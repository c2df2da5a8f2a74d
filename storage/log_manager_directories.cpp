#include <algorithm>

#include "storage/data_directory/ballast.hpp"
#include "storage/log_manager_state.hpp"

// The data directories while they are in use: their failures, their space.

namespace sluice::storage {

std::vector<LogManager::Space> LogManager::spaces() const {
  std::vector<Space> spaces;
  for (std::size_t i = 0; i < state_->directories.size(); ++i) {
    const auto& directory = state_->directories[i];
    const auto& health = *state_->healths[i];
    // A disk that is gone may not answer at all.
    const auto space =
        health.has_failed() ? Result<FileSystem::Space>{Errc::directory_offline} : state_->fs.space(directory.path());
    spaces.push_back({.directory = directory.path(),
                      .directory_id = directory_id(i),
                      .space = space ? *space : FileSystem::Space{},
                      .offline = !space,
                      .full = health.space().is_full(),
                      .error = health.error()});
  }
  return spaces;
}

void LogManager::on_directory_failure(
    const std::function<void(const std::string& directory, std::error_code)>& listener) {
  for (auto& health : state_->healths) {
    if (!listener) {
      health->on_failure({});
      continue;
    }
    health->on_failure([listener](DirectoryHealth& failed) { listener(failed.path(), failed.error()); });
  }
}

bool LogManager::look_at_space(std::optional<std::uint64_t> reserve) {
  bool changed = false;
  for (auto& health : state_->healths) {
    if (health->has_failed()) continue;
    auto& known = health->space();
    known.set_reserve(reserve);
    const auto space = state_->fs.space(health->path());
    if (!space) continue;
    const bool was_full = known.is_full();
    known.look(*space);
    changed = changed || known.is_full() != was_full;
    if (!known.is_full()) keep_ballast(state_->fs, health->path(), *space, known);
  }
  return changed;
}

void LogManager::limit_open_segments(std::size_t max) { state_->resources.open_segments.set_max(max); }
FileSystem& LogManager::file_system() noexcept { return state_->fs; }

Result<std::size_t> LogManager::find_directory(const std::string& path) const {
  for (std::size_t i = 0; i < state_->directories.size(); ++i) {
    if (state_->directories[i].path() != path) continue;
    if (state_->is_online(i)) return i;
    return {boost::system::in_place_error, make_error_code(Errc::directory_offline)};
  }
  return {boost::system::in_place_error, std::make_error_code(std::errc::no_such_file_or_directory)};
}

std::vector<std::string> LogManager::missing_directories() const {
  std::vector<std::string> paths;
  for (const auto& missing : state_->missing) paths.push_back(missing.path);
  return paths;
}

void LogManager::forget_missing_directories() {
  if (state_->missing.empty()) return;
  state_->missing.clear();
  std::vector<KnownDirectory> present;
  for (std::size_t i = 0; i < state_->directories.size(); ++i) {
    const auto& directory = state_->directories[i];
    if (directory.meta()) present.push_back({directory.meta()->directory_id, directory.path()});
  }
  write_known(present);
}

std::vector<std::pair<TopicPartition, std::string>> LogManager::take_interrupted_moves() {
  const std::lock_guard lock{state_->mutex};
  return std::exchange(state_->interrupted_moves, {});
}

}  // namespace sluice::storage
