#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "storage/epoch/leader_epoch_log.hpp"
#include "storage/log/log.hpp"
#include "storage/log/recent_tail.hpp"
#include "storage/producer/producer_snapshot.hpp"
#include "storage/producer/producer_state.hpp"
#include "storage/producer/unstable_transactions.hpp"
#include "storage/segment/segment_set.hpp"

namespace sluice::storage {

/// What a log is made of. Locks are taken in the order of their declaration.
struct Log::State {
  State(FileSystem& fs, const std::string& directory, const LogOptions& log_options)
      : options(log_options), epochs(fs, directory), snapshots(fs, directory) {}

  std::mutex sync_mutex;       // one sync at a time; truncation waits for it
  std::mutex append_mutex;     // whoever changes the log; guards all below that does not say otherwise
  std::mutex directory_mutex;  // the log's own path, against those who ask for it: it changes under all three

  LogOptions options;
  SegmentSet segments;    // readers take its list
  RecentTail recent;      // readers ask it
  LeaderEpochLog epochs;  // readers have a lock of their own
  ProducerState producers;
  UnstableTransactions unstable;  // readers ask it
  ProducerSnapshots snapshots;

  std::vector<std::shared_ptr<Segment>> unsynced_sealed;  // with their indexes
  bool directory_unsynced = false;                        // a name in it is new
  bool parent_unsynced = false;                           // so is the directory's own
  bool changed = false;                                   // since it was opened: closing has something to do

  std::atomic<std::uint64_t> truncations{0};  // lets a reader tell a cut under its feet from damage
};

/// Raises or lowers an atomic bound that several threads move in one direction.
inline void raise_to(std::atomic<std::int64_t>& bound, Offset value) noexcept {
  auto current = bound.load(std::memory_order_relaxed);
  while (current < value.value() && !bound.compare_exchange_weak(current, value.value(), std::memory_order_acq_rel)) {
  }
}
inline void lower_to(std::atomic<std::int64_t>& bound, Offset value) noexcept {
  auto current = bound.load(std::memory_order_relaxed);
  while (current > value.value() && !bound.compare_exchange_weak(current, value.value(), std::memory_order_acq_rel)) {
  }
}

}  // namespace sluice::storage
