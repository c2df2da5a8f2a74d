#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// Files that were renamed out of the way and are unlinked once their delay is over. Those left by a crash are for
/// the next start to find by their names.
///
/// Threading: any.
class DeferredRemovals {
 public:
  /// The delay begins when remove_due first sees them.
  void add(std::vector<std::string> paths, std::chrono::milliseconds delay);

  /// Unlinks what is due, or can't wait: `is_urgent` judges by one of its paths. What can't be removed is left for the
  /// next start.
  void remove_due(FileSystem& fs, Timestamp now, const std::function<bool(const std::string&)>& is_urgent = {});

  std::size_t count() const;

 private:
  struct Removal {
    std::vector<std::string> paths;
    std::chrono::milliseconds delay;
    std::optional<Timestamp> seen{};
  };

  mutable std::mutex mutex_;
  std::vector<Removal> waiting_;
};

}  // namespace sluice::storage
