#include "broker/directory_watch.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

#include "broker/metrics/broker_metrics.hpp"

namespace sluice::broker {
namespace {

using Space = storage::LogManager::Space;

constexpr int kLooksPerCall = 2;

double count(const std::vector<Space>& spaces, bool Space::*property) {
  return static_cast<double>(
      std::count_if(spaces.begin(), spaces.end(), [property](const Space& space) { return space.*property; }));
}

}  // namespace

DirectoryWatch::DirectoryWatch(storage::LogManager& logs, metrics::BrokerMetrics& metrics,
                               std::optional<std::uint64_t> reserve_bytes, Listeners listeners)
    : logs_(logs), metrics_(metrics), reserve_bytes_(reserve_bytes), listeners_(std::move(listeners)) {
  tell_of_start();
  logs_.on_directory_failure([on_failure = listeners_.on_failure](const std::string& directory, std::error_code error) {
    spdlog::error("directory={} failed and is offline, its partitions are not served: {}", directory, error.message());
    if (on_failure) on_failure();
  });
  metrics_.log_directories_offline.pull_from([this] { return count(logs_.spaces(), &Space::offline); });
  metrics_.log_directories_full.pull_from([this] { return count(logs_.spaces(), &Space::full); });
  look();
}

DirectoryWatch::~DirectoryWatch() {
  metrics_.log_directories_offline.pull_from({});
  metrics_.log_directories_full.pull_from({});
  logs_.on_directory_failure({});
}

void DirectoryWatch::tell_of_start() const {
  for (const auto& space : logs_.spaces()) {
    if (!space.offline) continue;
    spdlog::error("directory={} can't be used and is offline, its partitions are not served: {}", space.directory,
                  space.error.message());
  }
  for (const auto& path : logs_.missing_directories()) {
    spdlog::warn("directory={} was used before and is not there now: partitions without a log are not begun anew",
                 path);
  }
}

void DirectoryWatch::look() {
  // A writer that finds no space marks the disk as full between two looks: what was told last counts.
  logs_.look_at_space(reserve_bytes_);
  bool filled = false;
  bool full = false;
  for (const auto& space : logs_.spaces()) {
    auto& told = full_[space.directory];
    full = full || space.full;
    if (std::exchange(told, space.full) == space.full) continue;
    filled = filled || space.full;
    if (space.full) {
      spdlog::error("directory={} bytes_available={} disk full: its partitions take no records", space.directory,
                    space.space.available);
    } else {
      spdlog::info("directory={} bytes_available={} room again: its partitions take records", space.directory,
                   space.space.available);
    }
  }
  looks_while_full_ = full && !filled ? looks_while_full_ + 1 : 0;
  if (full && looks_while_full_ % kLooksPerCall == 0 && listeners_.on_full) listeners_.on_full();
}

}  // namespace sluice::broker
