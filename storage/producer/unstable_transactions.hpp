#pragma once

#include <atomic>
#include <limits>
#include <mutex>
#include <optional>
#include <vector>

#include "protocol/base/ids.hpp"

namespace sluice::storage {

/// Which transactions hold the last stable offset back: those that are open, and those whose marker is not yet below
/// the high watermark, as what becomes of them may still change with the leader.
///
/// Threading: one writer (the log's append mutex); any number of readers of `last_stable_offset`, which take a lock
/// only when the high watermark has passed a marker since the last look.
class UnstableTransactions {
 public:
  struct Ended {
    Offset first_offset;
    Offset marker;
  };

  /// The first open transaction begins there. Cheap when that is no news.
  void set_first_open(std::optional<Offset> first_offset);
  /// A transaction has ended by a marker at the log's end. Before set_first_open has it no more.
  void end(const Ended& ended);
  /// The log now ends at `end`: markers from there on are gone, `first_open` is what is open without them.
  void truncate_to(Offset end, std::optional<Offset> first_open);

  /// Exclusive end of what is decided below `high_watermark`, which may not go down but by truncate_to. Asking forgets
  /// what lies below it, so somebody should whenever it moves.
  Offset last_stable_offset(Offset high_watermark) const;

 private:
  static constexpr Offset kNone{std::numeric_limits<std::int64_t>::max()};

  void find_first_ended() const;
  void publish() const;

  mutable std::mutex mutex_;
  Offset first_open_ = kNone;         // also read without the lock, by the writer
  mutable std::vector<Ended> ended_;  // ascending by marker
  mutable Offset first_ended_ = kNone;
  mutable std::atomic<std::int64_t> first_marker_{kNone.value()};
  mutable std::atomic<std::int64_t> first_unstable_{kNone.value()};
};

}  // namespace sluice::storage
