#pragma once

#include <functional>
#include <string>
#include <vector>

#include "broker/raft/ready.hpp"

namespace sluice::broker::raft {

/// What the log is for. All calls come on the driver's thread, in the order of the log, and may not wait.
class StateMachine {
 public:
  virtual ~StateMachine() = default;

  /// Committed entries of every type, ascending and without gaps, after what the snapshot held.
  virtual void apply(std::vector<Entry> entries) = 0;
  /// In place of what was: the bytes that a `save` gave, here or on another server. At the start, and when the log that
  /// is missing is not to be had any more. False: they are not understood; the server stops.
  virtual bool restore(const SnapshotMeta& meta, std::string bytes) = 0;
  /// Everything applied so far, as a function that gives the bytes: it is called later, on a thread that may wait,
  /// while entries go on being applied.
  virtual std::function<std::string()> save() = 0;

  virtual void on_role_change(const RoleChange& change, Now now) = 0;
  virtual void on_read(const ReadState& read) = 0;
  /// After every batch of events: time has come to `now`. Whoever needs to be called later says so by next_deadline.
  virtual void tick(Now now) = 0;
  virtual Instant next_deadline() const = 0;
};

}  // namespace sluice::broker::raft
