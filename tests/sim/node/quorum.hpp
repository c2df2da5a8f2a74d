#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "broker/raft/raft.hpp"
#include "broker/raft/raft_store_driver.hpp"
#include "broker/raft/state_machine.hpp"
#include "tests/sim/world/scheduler.hpp"

namespace sluice::sim {

class Node;
struct World;

/// A server of the metadata quorum within a simulated process: the real core over a real store, with a disk that takes
/// its time. Does what RaftDriver does with threads.
class Quorum {
 public:
  Quorum(World& world, Node& node, std::unique_ptr<broker::raft::RaftStore> store, broker::raft::StateMachine& machine);
  ~Quorum();
  /// Gives the machine the snapshot. False: it can't be read.
  bool start(std::vector<BrokerId> contacts);

  void deliver(const broker::raft::Message& message);
  void on_unreachable(BrokerId node);
  /// Does what the core wants done; after every event that may have touched it.
  void pump();
  void take_snapshot();
  /// Asks for a linearizable read; what comes of it is checked.
  void read();

  broker::raft::Raft& raft() { return *raft_; }
  const broker::raft::Raft& raft() const { return *raft_; }
  const broker::raft::RaftStore& store() const { return *store_; }
  /// The disk failed: the process must end.
  bool has_failed() const noexcept { return failed_; }
  /// Goes on with what waits for the disk, for a crash in the midst of it. Nobody is told.
  void write_before_crash();

 private:
  void take(broker::raft::Ready ready);
  void start_write();
  void finish_write();
  bool write(broker::raft::Ready& ready);
  void send(const broker::raft::Message& message);
  void finish_read(const broker::raft::ReadState& read);
  void schedule_tick();
  void snapshot_if_due();

  World& world_;
  Node& node_;
  const std::unique_ptr<broker::raft::RaftStore> store_;
  broker::raft::StateMachine& machine_;
  std::unique_ptr<broker::raft::Raft> raft_;
  std::deque<broker::raft::Ready> unwritten_;
  std::size_t writing_ = 0;  // of `unwritten_`: on their way to the disk
  Instant tick_at_ = Instant::max();
  broker::raft::LogIndex applied_;
  std::uint64_t next_read_ = 1;
  std::map<broker::raft::ReadTicket, broker::raft::LogIndex> reads_;  // what was committed when they began
  bool failed_ = false;
};

}  // namespace sluice::sim
