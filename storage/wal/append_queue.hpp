#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <vector>

namespace sluice::storage::wal {

/// Something to be appended; lives on the stack of the thread that waits for it.
struct Ticket {
  std::size_t bytes = 0;  ///< about what it adds to the log: groups are bounded by it
  std::error_code error;  ///< set for it before it is done

 private:
  friend class AppendQueue;
  enum : std::uint32_t { waiting, parked, leading, done };
  std::atomic<std::uint32_t> state_{waiting};
};

/// Group append without a thread of its own: of the threads that come together, one appends for all. An append is short
/// (a copy into the page cache), so the others spin, then yield, and sleep only when that was not enough.
class AppendQueue {
 public:
  explicit AppendQueue(std::size_t group_bytes_max) : group_bytes_max_(group_bytes_max) {}

  /// Returns when `ticket` was appended, by this thread or another. `append_group(std::vector<Ticket*>&)` is called by
  /// one thread at a time, with tickets in the order they came; it sets their errors.
  template <class AppendGroup>
  void submit(Ticket& ticket, AppendGroup&& append_group) {
    if (!enter(ticket)) return;
    do {
      append_group(group_);
    } while (!leave(ticket));
  }

 private:
  // True when this thread is to append `group_`; false when the ticket is done.
  bool enter(Ticket& ticket);
  bool await(Ticket& ticket);
  bool try_lead(Ticket& ticket);
  void take_group();
  // Ends an append; true when `ticket`, this thread's own, was in it. Else there is a next group, which is again ours.
  bool leave(Ticket& ticket);

  const std::size_t group_bytes_max_;
  std::mutex mutex_;
  std::atomic<bool> appending_{false};  // changed under the mutex
  std::vector<Ticket*> queue_;
  std::vector<Ticket*> group_;  // the leader's
};

}  // namespace sluice::storage::wal
