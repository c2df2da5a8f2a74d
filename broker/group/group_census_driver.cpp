// GroupCoordinatorDriver: the groups counted, for metrics.

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "broker/group/group_coordinator_driver.hpp"

namespace sluice::broker::group {

namespace {

/// What partitions have counted so far. Shared with those that are late.
struct Tally {
  std::mutex mutex;
  std::condition_variable changed;
  GroupCensus census;
  std::size_t missing = 0;
};

constexpr std::chrono::milliseconds kPatience{500};

}  // namespace

GroupCensus GroupCoordinatorDriver::census() const {
  const auto all = drivers();
  const auto tally = std::make_shared<Tally>();
  tally->missing = static_cast<std::size_t>(
      std::count_if(all->begin(), all->end(), [](const auto& driver) { return driver != nullptr; }));
  for (const auto& driver : *all) {
    if (!driver) continue;
    driver->thread().post([driver, tally] {
      GroupCensus counted;
      if (driver->availability() == protocol::ErrorCode::none) counted = driver->shard().census();
      const std::lock_guard lock{tally->mutex};
      tally->census.add(counted);
      if (--tally->missing == 0) tally->changed.notify_all();
    });
  }
  std::unique_lock lock{tally->mutex};
  tally->changed.wait_for(lock, kPatience, [&] { return tally->missing == 0; });
  return tally->census;
}

}  // namespace sluice::broker::group
