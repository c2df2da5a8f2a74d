#include "storage/log/log.hpp"
#include "storage/log/log_state.hpp"

namespace sluice::storage {

Result<Offset> Log::sync() {
  const std::lock_guard sync_lock{state_->sync_mutex};
  return sync_locked();
}

// What is to be synced is noted under the append mutex, the waiting is done without it.
Result<Offset> Log::sync_locked() {
  auto& state = *state_;
  std::vector<std::shared_ptr<Segment>> sealed;
  std::vector<Offset> snapshots;
  std::shared_ptr<Segment> active;
  bool directory = false;
  bool parent = false;
  if (is_offline()) return Errc::log_offline;
  // Before anything is taken from what is to be synced: a disk that has no room for it loses nothing.
  const auto end_offset = log_end_offset();
  if (const auto written = state.epochs.write_noted(end_offset); !written) {
    return storage::is_out_of_space(written.error()) ? written.error() : take_offline_on_error(written).error();
  }
  {
    const std::lock_guard lock{state.append_mutex};
    if (is_offline()) return Errc::log_offline;
    sealed.swap(state.unsynced_sealed);
    snapshots = state.snapshots.take_unsynced();
    std::swap(directory, state.directory_unsynced);
    std::swap(parent, state.parent_unsynced);
    if (synced_end_offset() < end_offset && state.segments.active()->size() > 0) active = state.segments.active();
  }
  const auto sync_all = [&]() -> Result<> {
    for (const auto& segment : sealed) {
      if (const auto synced = segment->sync(true); !synced) return synced.error();
    }
    if (const auto synced = state.snapshots.sync(snapshots); !synced) return synced.error();
    if (active) {
      if (const auto synced = active->sync(false); !synced) return synced.error();
    }
    if (directory) {
      if (const auto synced = fs_.sync_directory(directory_); !synced) return synced.error();
    }
    if (parent) return fs_.sync_directory(parent_path(directory_));
    return {};
  };
  if (const auto synced = take_offline_on_error(sync_all()); !synced) return synced.error();
  raise_to(synced_end_offset_, end_offset);
  return end_offset;
}

void Log::names_were_synced() {
  auto& state = *state_;
  const std::lock_guard lock{state.append_mutex};
  if (state.segments.segments().size() > 1 || state.segments.active()->size() > 0) return;  // there may be newer ones
  state.directory_unsynced = state.parent_unsynced = false;
}

Result<> Log::close() {
  auto& state = *state_;
  const std::lock_guard sync_lock{state.sync_mutex};
  {
    const std::lock_guard lock{state.append_mutex};
    if (is_offline()) return Errc::log_offline;
    if (!state.changed && !state.directory_unsynced && !state.parent_unsynced) {
      offline_.store(true, std::memory_order_release);
      return {};
    }
    if (const auto trimmed = state.segments.active()->trim(); !trimmed) return trimmed.error();
    if (state.snapshots.latest() != log_end_offset()) {
      if (const auto written = state.snapshots.write(log_end_offset(), state.producers); !written)
        return written.error();
    }
    if (state.segments.active()->size() > 0) state.unsynced_sealed.push_back(state.segments.active());
    state.directory_unsynced = true;
  }
  if (const auto synced = sync_locked(); !synced) return synced.error();
  offline_.store(true, std::memory_order_release);
  return {};
}

Result<std::string> Log::retire(const std::string& new_name) {
  const std::lock_guard sync_lock{state_->sync_mutex};
  const std::lock_guard lock{state_->append_mutex};
  offline_.store(true, std::memory_order_release);
  const auto parent = parent_path(directory_);
  auto path = join_path(parent, new_name);
  if (const auto renamed = fs_.rename(directory_, path); !renamed) return renamed.error();
  if (const auto synced = fs_.sync_directory(parent); !synced) return synced.error();
  return path;
}

}  // namespace sluice::storage
