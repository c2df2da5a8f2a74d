#pragma once

#include <boost/intrusive/list.hpp>

namespace sluice::broker::replication {

/// Somebody who waits for a partition's readable end to move. A waiter watches any number of partitions, each through
/// one Watch of its own; it must unwatch all of them before it is destroyed.
class ProgressWaiter {
 public:
  virtual ~ProgressWaiter() = default;
  /// On any thread, under the partition's lock: may only schedule work.
  virtual void on_progress() noexcept = 0;
};

struct Watch : boost::intrusive::list_base_hook<> {
  ProgressWaiter* waiter = nullptr;
  /// A follower's: it reads up to the log end, and is woken by appends and not by the high watermark.
  bool of_log_end = false;
};

}  // namespace sluice::broker::replication
