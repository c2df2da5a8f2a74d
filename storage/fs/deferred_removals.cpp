#include "storage/fs/deferred_removals.hpp"

#include <algorithm>
#include <iterator>

namespace sluice::storage {

void DeferredRemovals::add(std::vector<std::string> paths, std::chrono::milliseconds delay) {
  const std::lock_guard lock{mutex_};
  waiting_.push_back({.paths = std::move(paths), .delay = delay});
}

void DeferredRemovals::remove_due(FileSystem& fs, Timestamp now,
                                  const std::function<bool(const std::string&)>& is_urgent) {
  std::vector<Removal> due;
  {
    const std::lock_guard lock{mutex_};
    for (auto& removal : waiting_) removal.seen = removal.seen.value_or(now);
    const auto first_due = std::partition(waiting_.begin(), waiting_.end(), [&](const Removal& removal) {
      const bool urgent = is_urgent && !removal.paths.empty() && is_urgent(removal.paths.front());
      return !urgent && now - *removal.seen < removal.delay.count();
    });
    std::move(first_due, waiting_.end(), std::back_inserter(due));
    waiting_.erase(first_due, waiting_.end());
  }
  for (const auto& removal : due) {
    for (const auto& path : removal.paths) (void)fs.remove(path);
  }
}

std::size_t DeferredRemovals::count() const {
  const std::lock_guard lock{mutex_};
  std::size_t count = 0;
  for (const auto& removal : waiting_) count += removal.paths.size();
  return count;
}

}  // namespace sluice::storage
