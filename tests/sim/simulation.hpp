#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/clients/consumer.hpp"
#include "tests/sim/clients/history.hpp"
#include "tests/sim/clients/producer.hpp"
#include "tests/sim/faults/atlas.hpp"
#include "tests/sim/faults/fault_plan.hpp"
#include "tests/sim/invariants/watchers.hpp"
#include "tests/sim/node/node.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {

/// What a run is made of, where its seed is not to draw it.
struct Plan {
  std::optional<Settings> settings{};
  std::optional<FaultPlan> faults{};
  std::optional<NetworkWeather> weather{};
  Duration produce_interval{0};     ///< 0: drawn
  Duration administer_interval{0};  ///< of commands; 0: seldom
  Duration read_interval{0};        ///< of linearizable reads of the metadata; 0: none
  bool heals_core_first{false};     ///< before everything is healed a part that is enough must do its work alone
};

/// Small time-outs, much to do, and one misfortune after the other: a minute of it is like an hour of other runs.
Plan rough_plan(std::uint64_t seed);

/// A cluster on a simulated network, simulated disks and virtual time; one thread, one seed, one run bit for bit.
///
///   start, warm up    clients write and read, no faults
///   faults            misfortunes by the plan; invariants are checked after every event
///   heal              what is down starts, cuts end: everything must converge
///   check             the clients' history, and the replicas against each other
///
/// Throws Violation.
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed, Plan plan = {});
  ~Simulation();

  /// All of it, with faults for that long.
  void run(Duration faulty);

  // In pieces, for scenarios.
  void start();
  void run_for(Duration time);
  /// False: not within that time.
  bool run_until(const std::function<bool()>& done, Duration patience);
  /// As run_until, but it must come about.
  void await(const char* what, const std::function<bool()>& done, Duration patience = 2min);
  void heal_and_check();

  World& world() { return *world_; }
  Node& node(HostId id) { return world_->node(id); }
  Node* quorum_leader();
  /// Of the first topic's partition 0, where not said otherwise.
  const broker::controller::PartitionImage* partition(const std::string& topic = "clean-0", int index = 0);
  Node* partition_leader(const std::string& topic = "clean-0", int index = 0);
  std::size_t acknowledged() const;
  /// Begins with what clients write; `unclean`: its loss is allowed.
  void create_topic(const std::string& name, int partitions, bool lossy);
  void submit(HostId via, broker::controller::ControllerRequest request,
              std::function<void(broker::controller::ControllerResponse*)> done);

  /// One entry more of the metadata log, and nothing else; asked of that node.
  void write_command(HostId via);

  std::uint64_t digest() const { return world_->trace.digest(); }
  std::string describe_failure() const;
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }
  Duration simulated() const { return world_->scheduler.now(); }
  std::uint64_t events() const { return world_->scheduler.events(); }

 private:
  struct Topic {
    std::string name;
    Uuid id{};
    bool lossy = false;
    int partitions = 0;
    bool deleted = false;
  };

  HostId add_client();
  void step_until(Instant end);
  // workload.cpp
  void start_clients();
  void give_producer_id(Producer& producer);
  void assign_targets();
  void on_topic_created(Topic& topic);
  std::vector<Target> targets_of(const Topic& topic) const;
  void administer();
  void write_command_somewhere();
  void hurry_voter_changes(broker::raft::Term known);
  void read_metadata();
  void delete_topic();
  void create_partitions();
  void elect_leaders();
  // misfortune.cpp
  void schedule_misfortune();
  void befall();
  Node* victim(bool up = true);
  void start_later(Node& node, Duration max);
  void cut_some();
  void lose_power_of_many();
  void fail_disk(Node& node);
  void rot(Node& node);
  void change_voters();
  // heal.cpp
  void heal();
  void calm();
  void heal_core();
  bool is_enough_without(const std::set<HostId>& left_out) const;
  void wipe_and_restart(Node& node);
  bool has_converged(std::string* why = nullptr) const;
  void read_everything();
  void check_end();
  void mend();

  std::uint64_t seed_;
  Random random_;
  FaultPlan faults_;
  Duration produce_interval_;
  Duration administer_interval_;
  Duration read_interval_;
  bool heals_core_first_;
  std::unique_ptr<World> world_;
  Atlas atlas_;
  History history_;
  std::vector<std::unique_ptr<Producer>> producers_;
  std::vector<std::unique_ptr<Consumer>> consumers_;
  std::vector<Topic> topics_;
  HostId next_client_ = kFirstClient;
  HostId admin_ = 0;
  bool is_healed_ = false;
  std::set<HostId> tried_again_;  // those that could not start, and were told to once more
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace sluice::sim
