#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <vector>

#include "broker/raft/raft.hpp"
#include "tests/unit/broker/raft/memory_log.hpp"
#include "tests/unit/broker/raft/raft_invariants.hpp"

namespace sluice::test {

/// What may go wrong in one run, and how often; drawn from its seed, each kind also as never.
struct RaftFaults {
  int lost_percent = 0;
  int twice_percent = 0;
  Duration delay_max{0};    // of a message; what is sent later may arrive earlier
  Duration write_max{0};    // of a disk
  Duration stall_max{0};    // of a disk, now and then
  int damaged_percent = 0;  // of snapshots received
  int drift_ppm_max = 0;
  int crashes = 0;  // relative weights of what happens next
  int partitions = 0;
  int one_way_cuts = 0;
  int pauses = 0;
  int wipes = 0;
  int ambush_percent = 0;  // of new leaders, and of changes of voters: something happens to the leader at once
  bool is_stormy = false;  // no leader lasts, each begins a change of voters at once, entries travel one by one
};

/// 1 to 7 servers of Raft on a simulated clock, network and disks; one thread, one seed, one run bit for bit.
class RaftSimulation {
 public:
  explicit RaftSimulation(std::uint64_t seed);
  ~RaftSimulation();

  /// Faults, then healing, then everybody must agree. Throws Violation.
  void run();

  std::uint64_t trace_hash() const { return trace_; }
  std::size_t leaders() const { return invariants_.leaders(); }
  LogIndex commit_index() const { return invariants_.commit_index(); }
  std::size_t events() const { return events_; }
  std::size_t count_of(const char* what) const;  // of what happened, for tests that ask whether anything did
  const std::map<std::string, std::size_t>& counts() const { return counts_; }

 private:
  struct Server;
  struct Event {
    Duration at;
    std::uint64_t order;
    std::function<void()> action;
    bool operator>(const Event& other) const { return std::tie(at, order) > std::tie(other.at, other.order); }
  };
  struct PendingRead {
    LogIndex since;
  };

  // raft_simulation.cpp: time, servers, network, disks
  std::int64_t roll(std::int64_t sides) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(sides));
  }
  bool happens(int percent) { return roll(100) < percent; }
  Duration within(Duration max) { return Duration{roll(max.count() + 1)}; }
  void at(Duration time, std::function<void()> action);
  void on_server(int node, Duration time, std::function<void(Server&)> action);
  void run_until(Duration end, const std::function<bool()>& done = {});
  Now local(const Server& server) const;
  void start(Server& server);
  void crash(Server& server);
  void pump(Server& server);
  void take(Server& server, Ready ready);
  void apply(Server& server, const Entry& entry);
  void load_snapshot(Server& server);
  void start_write(Server& server);
  void finish_write(Server& server);
  void transmit(const Message& message);
  void check_loyalty(const Message& message);
  void deliver(const Message& message);
  void schedule_tick(Server& server);
  void trace(std::uint64_t value);

  // raft_workload.cpp: clients, operators, misfortune
  void draw_faults();
  void brew_storm();
  void schedule_workload();
  bool is_read_at(Server& server);
  void propose();
  void read();
  void read_at(Server& server);
  void operate();
  void misfortune();
  void snapshot(Server& server);
  void change_membership(Server& leader);
  void remove_wiped(Server& leader);
  void partition();
  void welcome(Server& leader);
  void ambush(const Server& leader);
  void hand_over(Server& leader);
  void isolate_with_company(int node);
  void wipe();
  bool may_wipe(const Server& server) const;
  void heal();
  bool has_converged() const;
  std::string describe() const;
  Server* random_live();
  Server* leader();
  Server* find(const ReplicaKey& key);

  std::mt19937_64 random_;
  RaftFaults faults_;
  Options options_;
  RaftInvariants invariants_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::unique_ptr<MemoryLog>> retired_;  // disks that were wiped
  std::optional<ReplicaKey> wiped_;
  std::set<std::pair<int, int>> cut_;  // from, to
  std::map<ReadTicket, PendingRead> reads_;
  std::set<std::pair<ReplicaKey, Term>> transfers_;  // campaigns that a leader asked for
  std::uint64_t next_ticket_ = 1;
  std::uint64_t next_command_ = 1;
  std::uint8_t next_directory_ = 1;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::uint64_t order_ = 0;
  Duration now_{0};
  bool is_healed_ = false;
  std::size_t events_ = 0;
  std::uint64_t trace_ = 0;
  std::map<std::string, std::size_t> counts_;
};

}  // namespace sluice::test
