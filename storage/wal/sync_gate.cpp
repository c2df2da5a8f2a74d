#include "storage/wal/sync_gate.hpp"

#include <thread>

#include "storage/wal/errc.hpp"

namespace sluice::storage::wal {
namespace {

// Yields in a row that brought nobody, after which nobody else is believed to be on the way.
constexpr int kIdleYieldsMax = 3;

}  // namespace

std::error_code SyncGate::wait(Offset end) {
  if (log_.synced_end_offset() >= end) return {};
  Round round = 0;
  if (join(round) || await(round)) {
    if (const auto error = lead(round)) return error;
  }
  // A failed sync is final, and shows here for all who waited for it.
  if (log_.synced_end_offset() < end) return Errc::failed;
  return {};
}

// True when this thread leads the round.
bool SyncGate::join(Round& round) {
  const std::lock_guard lock{mutex_};
  round = gathering_;
  joined_.fetch_add(1, std::memory_order_relaxed);
  if (running_) return false;
  running_ = true;
  cell(round).store(value_of(round, led), std::memory_order_relaxed);
  return true;
}

// True when the lead was offered to this thread; false when the round is over.
bool SyncGate::await(Round round) {
  auto& state = cell(round);
  while (true) {
    auto value = state.load(std::memory_order_acquire);
    if (static_cast<std::int32_t>(value - value_of(round, done)) >= 0) return false;  // or a later round
    if (value == value_of(round, offered) &&
        state.compare_exchange_strong(value, value_of(round, led), std::memory_order_acq_rel))
      return true;
    state.wait(value, std::memory_order_acquire);
  }
}

std::error_code SyncGate::lead(Round round) {
  std::uint32_t expected = 0;
  {
    const std::lock_guard lock{mutex_};
    expected = expected_;
  }
  gather(expected);
  {
    const std::lock_guard lock{mutex_};
    expected_ = joined_.exchange(0, std::memory_order_relaxed);
    gathering_ = round + 1;
    cell(round + 1).store(value_of(round + 1, gathering), std::memory_order_release);
  }
  const auto synced = log_.sync();
  finish(round);
  return synced ? std::error_code{} : synced.error();
}

void SyncGate::gather(std::uint32_t expected) const {
  auto before = joined_.load(std::memory_order_relaxed);
  for (int idle = 0; before < expected && idle < kIdleYieldsMax; ++idle) {
    std::this_thread::yield();
    const auto now = joined_.load(std::memory_order_relaxed);
    if (now != before) idle = 0;
    before = now;
  }
}

void SyncGate::finish(Round round) {
  cell(round).store(value_of(round, done), std::memory_order_release);
  bool more = false;
  {
    const std::lock_guard lock{mutex_};
    const auto waiting = joined_.load(std::memory_order_relaxed);
    more = waiting > 0;
    expected_ += waiting;  // those whose wait ends here may soon be back
    running_ = more;
    if (more) cell(round + 1).store(value_of(round + 1, offered), std::memory_order_release);
  }
  cell(round).notify_all();
  if (more) cell(round + 1).notify_one();
}

}  // namespace sluice::storage::wal
