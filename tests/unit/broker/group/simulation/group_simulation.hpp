#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/broker/group/simulation/classic_client.hpp"
#include "tests/unit/broker/group/simulation/client.hpp"
#include "tests/unit/broker/group/simulation/coordinator.hpp"
#include "tests/unit/broker/group/simulation/modern_client.hpp"

namespace sluice::test::sim {

/// Of which protocol the members of a group are.
enum class Kind { classic, consumer, mixed };

/// What a run came to, for those who want to know that it was worth something.
struct Outcome {
  std::uint64_t trace_hash = 0;
  std::uint64_t trace_lines = 0;
  std::size_t partitions_given = 0;
  std::size_t records_logged = 0;
};

/// One group, its clients, its coordinator, and everything that can go wrong among them, for about a minute of theirs;
/// then peace, in which they must find together, read what is left, and fall silent; then the group is forgotten.
///
/// What must hold at all times is checked by Ledger (nothing is skipped; what is committed stays), GenerationOwners and
/// ToldOwners (who owns what), Coordinator (the log is the truth), and here.
class GroupSimulation {
 public:
  GroupSimulation(Kind kind, std::uint64_t seed);

  /// Once. Throws BrokenPromise.
  Outcome run();
  const Trace& trace() const noexcept { return world_.trace; }

 private:
  static broker::config::GroupSettings make_settings();
  void make_topics();
  void make_clients();
  std::unique_ptr<Client> make_client(Client::Options options);
  std::vector<int> pick_topics();

  // While there is trouble.
  void produce();
  void supervise();
  void disturb();
  void disturb_client(Client& client);
  void disturb_topics();
  void disturb_network();
  void disturb_log();

  void make_peace();
  void find_together();
  void nudge();
  void stay_quiet();
  void fall_silent();
  void be_forgotten();

  void check();
  void check_classic(const broker::group::ClassicGroup& group);
  void check_owned(const Client& gained);
  bool is_gone_for_good(const Client& client) const;
  /// What is still missing; empty when the group has found together.
  std::string missing() const;
  std::string describe() const;
  void pass(Time time) { world_.run_until(world_.now() + time); }
  void every(Time interval, std::function<void()> action);

  const Kind kind_;
  World world_;
  const broker::config::GroupSettings settings_ = make_settings();
  Topics topics_;
  Ledger ledger_{world_, topics_};
  GenerationOwners generations_{world_};
  ToldOwners told_{world_};
  Network network_{world_};
  Coordinator coordinator_{world_, topics_, settings_, {ledger_, generations_, told_}};
  std::vector<std::unique_ptr<Client>> clients_;
  Handover handover_ = Handover::eager;
  std::int16_t join_version_ = 9;
  bool topics_change_ = false;
  bool trouble_ = true;  // disturbances go on
  bool over_ = false;    // nobody is to come back
  std::vector<const Client*> gone_for_good_;
  std::int32_t generation_id_ = 0;
};

}  // namespace sluice::test::sim
