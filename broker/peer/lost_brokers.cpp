#include "broker/peer/lost_brokers.hpp"

#include <algorithm>
#include <utility>

#include "broker/controller/metadata_image.hpp"

namespace sluice::broker::peer {

void LostBrokers::note_lost(BrokerId broker) {
  {
    const std::lock_guard lock{mutex_};
    if (stopped_ || std::ranges::find(lost_, broker) != lost_.end()) return;
    lost_.push_back(broker);
    any_.store(true, std::memory_order_release);
  }
  thread_.post([this, broker] { timers_[broker] = thread_.after(kLongest, [this, broker] { forget(broker); }); });
}

void LostBrokers::note_found(BrokerId broker) {
  if (any()) forget(broker);
}

void LostBrokers::apply(const controller::MetadataImage& image) {
  if (!any()) return;
  Waiting settled;
  {
    const std::lock_guard lock{mutex_};
    std::erase_if(lost_, [&](BrokerId broker) {
      const auto* known = image.find_broker(broker);
      return known == nullptr || known->fenced;
    });
    settled = take_settled();
  }
  for (const auto& each : settled) each();
}

void LostBrokers::stop() {
  Waiting settled;
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
    lost_.clear();
    settled = take_settled();
  }
  for (const auto& each : settled) each();
}

bool LostBrokers::contains(BrokerId broker) const {
  if (!any()) return false;
  const std::lock_guard lock{mutex_};
  return std::ranges::find(lost_, broker) != lost_.end();
}

void LostBrokers::when_settled(std::function<void()> settled) {
  {
    const std::lock_guard lock{mutex_};
    if (!lost_.empty()) {
      waiting_.push_back(std::move(settled));
      return;
    }
  }
  settled();
}

void LostBrokers::forget(BrokerId broker) {
  Waiting settled;
  {
    const std::lock_guard lock{mutex_};
    std::erase(lost_, broker);
    settled = take_settled();
  }
  for (const auto& each : settled) each();
}

/// Pre: under the lock.
LostBrokers::Waiting LostBrokers::take_settled() {
  if (!lost_.empty()) return {};
  any_.store(false, std::memory_order_release);
  return std::exchange(waiting_, {});
}

}  // namespace sluice::broker::peer
