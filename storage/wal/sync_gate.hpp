#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <system_error>

#include "protocol/base/ids.hpp"
#include "storage/log/log.hpp"

namespace sluice::storage::wal {

/// Group commit without a thread of its own: of the threads that wait for a sync of one log, the first syncs for all.
/// Who comes while a sync runs joins the next round, since that sync may have begun before its bytes were there.
///
/// Before it begins the leader lets others run as long as that brings more of them, at most as many as there were last
/// time: writers that write again as soon as they are answered would otherwise fall into two halves, each of which
/// waits for the other's sync.
class SyncGate {
 public:
  explicit SyncGate(Log& log) : log_(log) {}

  /// Returns when everything below `end` is durable. Pre: it was appended.
  std::error_code wait(Offset end);

 private:
  enum Phase : std::uint64_t { gathering, offered, led, done };
  using Round = std::uint64_t;

  // A round's number and how far it is, so that a waiter that wakes late can't take a later round for its own. Rounds
  // gather in turns.
  static constexpr std::uint32_t value_of(Round round, Phase phase) {
    return static_cast<std::uint32_t>(round * 4 + phase);
  }
  std::atomic<std::uint32_t>& cell(Round round) { return cells_[round % cells_.size()]; }

  bool join(Round& round);
  bool await(Round round);
  std::error_code lead(Round round);
  void gather(std::uint32_t expected) const;
  void finish(Round round);

  Log& log_;
  std::mutex mutex_;
  bool running_ = false;                  // someone leads
  Round gathering_ = 0;                   // who comes now joins it
  std::uint32_t expected_ = 1;            // how many it may bring together
  std::atomic<std::uint32_t> joined_{0};  // so many it did; changed under the mutex
  std::array<std::atomic<std::uint32_t>, 2> cells_{value_of(0, gathering), value_of(1, gathering)};
};

}  // namespace sluice::storage::wal
