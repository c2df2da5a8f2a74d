#pragma once

#include <atomic>

#include "broker/replication/fetcher_manager.hpp"
#include "broker/replication/isr_change_driver.hpp"
#include "broker/replication/replica_events.hpp"

namespace sluice::broker::replication {

/// Hands what partitions tell to those who act on it, who are made after the partitions. What is told while nobody is
/// there is dropped: before the first image no partition has a role, and after `clear` nothing is to be done.
class ReplicaEventRelay final : public ReplicaEvents {
 public:
  void set(IsrChangeDriver& isr_changes, FetcherManager& fetchers) noexcept {
    isr_changes_.store(&isr_changes, std::memory_order_release);
    fetchers_.store(&fetchers, std::memory_order_release);
  }
  /// Before either goes, once no partition is synced or fetched any more.
  void clear() noexcept {
    isr_changes_.store(nullptr, std::memory_order_release);
    fetchers_.store(nullptr, std::memory_order_release);
  }

  void on_isr_change_wanted(const std::shared_ptr<Partition>& partition) noexcept override {
    if (auto* to = isr_changes_.load(std::memory_order_acquire)) to->on_isr_change_wanted(partition);
  }
  void on_follower_synced(const std::shared_ptr<Partition>& partition) noexcept override {
    if (auto* to = fetchers_.load(std::memory_order_acquire)) to->on_follower_synced(partition);
  }

 private:
  std::atomic<IsrChangeDriver*> isr_changes_{nullptr};
  std::atomic<FetcherManager*> fetchers_{nullptr};
};

}  // namespace sluice::broker::replication
