#include "storage/log/log_move.hpp"
#include "storage/log_manager_state.hpp"

// Moving logs between the data directories.

namespace sluice::storage {

Result<std::shared_ptr<LogMove>> LogManager::begin_move(const TopicPartition& partition, const std::string& directory) {
  auto& state = *state_;
  const auto to = find_directory(directory);
  if (!to) return to.error();
  std::shared_ptr<Log> log;
  {
    const std::lock_guard lock{state.mutex};
    const auto held = state.logs.find(partition);
    if (held == state.logs.end()) return std::make_error_code(std::errc::no_such_file_or_directory);
    if (held->second.directory == *to) return std::shared_ptr<LogMove>{};
    if (state.moves.contains(partition)) return std::make_error_code(std::errc::device_or_resource_busy);
    log = held->second.log;
  }
  const auto& parent = state.directories[*to];
  const auto path = parent.path_of(partition);
  const auto occupied = state.fs.exists(path);
  if (!occupied) return occupied.error();
  if (*occupied) {
    // Of a topic that was deleted while the directory was away.
    const auto aside = state.fs.rename(path, join_path(parent.path(), stray_name(partition)));
    if (!aside) return aside.error();
  }
  auto future = join_path(parent.path(), future_name(partition));
  if (const auto made = state.fs.create_directories(future); !made) return made.error();
  if (const auto synced = state.fs.sync_directory(parent.path()); !synced) return synced.error();
  auto move = std::make_shared<LogMove>(log, MoveTarget{.future = future,
                                                        .directory = path,
                                                        .health = state.healths[*to].get(),
                                                        .data_directory_id = directory_id(*to)});
  const std::lock_guard lock{state.mutex};
  state.moves.emplace(partition, State::Move{*to, std::move(future), move, std::move(log)});
  return move;
}

Result<bool> LogManager::finish_move(const TopicPartition& partition, Timestamp now) {
  auto& state = *state_;
  const auto failed = [](std::error_code error) -> Result<bool> { return {boost::system::in_place_error, error}; };
  std::optional<State::Move> moving;
  std::size_t from = 0;
  {
    const std::lock_guard lock{state.mutex};
    const auto found = state.moves.find(partition);
    const auto held = state.logs.find(partition);
    if (found == state.moves.end() || held == state.logs.end()) return failed(make_error_code(Errc::log_offline));
    moving = found->second;
    from = held->second.directory;
  }
  // Else a crash before the next checkpoint would have deleted records come back.
  if (const auto noted = note_in_checkpoints(partition, *moving->log, moving->directory); !noted) {
    return failed(noted.error());
  }
  const auto finished = moving->move->finish(now);
  if (!finished || !*finished) return finished;
  auto left = moving->move->retire_original(retired_name(partition));
  const std::lock_guard lock{state.mutex};
  state.moves.erase(partition);
  const auto held = state.logs.find(partition);
  if (held != state.logs.end() && held->second.log == moving->log) {
    auto there = held->second;
    there.directory = moving->directory;
    state.hold(partition, std::move(there));
  }
  // A failure leaves an older copy, which the next start finds and removes.
  if (left) state.retired.push_back({std::move(*left), Timestamp{0}, from});
  return true;
}

Result<> LogManager::note_in_checkpoints(const TopicPartition& partition, const Log& log, std::size_t directory) {
  const std::lock_guard one_at_a_time{state_->checkpoint_mutex};
  auto& to = state_->directories[directory];
  const auto note = [&](std::string_view file, Offset offset) -> Result<> {
    auto offsets = to.read_checkpoint(file);
    if (!offsets) return offsets.error();
    (*offsets)[partition] = offset;
    return to.write_checkpoint(file, *offsets);
  };
  if (const auto noted = note(kLogStartCheckpoint, log.log_start_offset()); !noted) return noted;
  return note(kRecoveryPointCheckpoint, log.recovery_point());
}

void LogManager::cancel_move(const TopicPartition& partition) {
  const std::lock_guard lock{state_->mutex};
  const auto found = state_->moves.find(partition);
  if (found == state_->moves.end()) return;
  state_->retired.push_back({std::move(found->second.future), Timestamp{0}, found->second.directory});
  state_->moves.erase(found);
}

std::vector<LogManager::Moving> LogManager::moves() const {
  const std::lock_guard lock{state_->mutex};
  std::vector<Moving> moves;
  for (const auto& [partition, move] : state_->moves) {
    moves.push_back({partition, state_->directories[move.directory].path(), move.move, move.log});
  }
  return moves;
}

std::string LogManager::directory_of(const TopicPartition& partition) const {
  const std::lock_guard lock{state_->mutex};
  const auto held = state_->logs.find(partition);
  return held == state_->logs.end() ? std::string{} : state_->directories[held->second.directory].path();
}

}  // namespace sluice::storage
