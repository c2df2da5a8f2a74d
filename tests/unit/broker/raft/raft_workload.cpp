#include <algorithm>
#include <cstring>
#include <sstream>

#include "tests/unit/broker/raft/raft_simulation.hpp"
#include "tests/unit/broker/raft/simulated_server.hpp"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFaults = 20s;     // how long things go wrong
constexpr Duration kHealing = 120s;   // how long they may take to become well
constexpr Duration kAfterwards = 3s;  // clients go on for that long once healed

Uuid directory(std::uint8_t number) {
  std::array<std::uint8_t, 16> bytes{};
  bytes.back() = number;
  return Uuid{bytes};
}

}  // namespace

RaftSimulation::RaftSimulation(std::uint64_t seed) : random_(seed) {
  draw_faults();
  const auto nodes = faults_.is_stormy ? 4 + roll(2) : 1 + roll(7);
  const auto voters = faults_.is_stormy ? nodes - roll(2) : 1 + roll(nodes);
  const bool pinned = roll(2) == 0;
  std::vector<ReplicaKey> keys;
  for (int node = 1; node <= nodes; ++node) {
    auto& server = *servers_.emplace_back(std::make_unique<Server>());
    server.key = {BrokerId{node}, directory(next_directory_++)};
    if (faults_.drift_ppm_max > 0) server.drift_ppm = roll(2 * faults_.drift_ppm_max + 1) - faults_.drift_ppm_max;
    server.clock_offset = Instant{roll(1'000'000'000)};
    if (node <= voters) keys.push_back(pinned ? server.key : ReplicaKey{server.key.node, {}});
  }
  for (auto& server : servers_) {
    // Who is not among the first voters joins.
    const bool joins = server->node() > voters;
    server->disk = std::make_unique<MemoryLog>(joins ? Configuration{} : Configuration{keys});
  }
  for (auto& server : servers_) start(*server);
}

void RaftSimulation::draw_faults() {
  const auto sometimes = [&](std::int64_t most) { return roll(3) == 0 ? 0 : static_cast<int>(roll(most + 1)); };
  faults_ = {.lost_percent = sometimes(25),
             .twice_percent = sometimes(20),
             .delay_max = std::chrono::microseconds{100 + roll(roll(2) == 0 ? 2'000 : 60'000)},
             .write_max = std::chrono::microseconds{roll(roll(2) == 0 ? 500 : 20'000)},
             .stall_max = std::chrono::milliseconds{sometimes(1500)},
             .damaged_percent = sometimes(50),
             .drift_ppm_max = sometimes(10'000),
             .crashes = sometimes(10),
             .partitions = sometimes(10),
             .one_way_cuts = sometimes(10),
             .pauses = sometimes(10),
             .wipes = sometimes(4),
             .ambush_percent = sometimes(100)};
  options_.election_timeout = std::chrono::milliseconds{200 + roll(800)};
  options_.heartbeat_interval = options_.election_timeout / (4 + roll(8));
  options_.lease_reads = roll(2) == 0;
  options_.append_bytes_max = static_cast<std::size_t>(roll(3) == 0 ? 1 : 64 + roll(2000));  // 1: an entry a message
  options_.inflight_messages_max = static_cast<std::size_t>(1 + roll(10));
  options_.inflight_bytes_max = static_cast<std::size_t>(64 + roll(8000));
  options_.snapshot_chunk_bytes = static_cast<std::size_t>(100 + roll(2000));
  options_.committed_bytes_max = static_cast<std::size_t>(100 + roll(4000));
  if (roll(4) == 0) brew_storm();
  options_.learner_timeout = options_.election_timeout * (2 + roll(5));
}

/// What it takes to get behind the subtle rules (3.6.2, 4.1): many short reigns, each with a part of its first entries
/// told.
void RaftSimulation::brew_storm() {
  faults_.is_stormy = true;
  faults_.ambush_percent = 100;
  faults_.delay_max = std::min<Duration>(faults_.delay_max, 10ms);
  faults_.write_max = std::min<Duration>(faults_.write_max, 2ms);
  faults_.pauses = faults_.stall_max.count() > 0 ? 0 : faults_.pauses;
  options_.election_timeout = 100ms;
  options_.heartbeat_interval = 20ms;
  options_.append_bytes_max = 1;
}

void RaftSimulation::run() {
  schedule_workload();
  run_until(kFaults);
  heal();
  const auto healed_at = invariants_.commit_index();
  run_until(kFaults + kHealing, [&] { return now_ > kFaults + kAfterwards && has_converged(); });
  if (!has_converged()) throw Violation("healed, a cluster agrees" + describe());
  if (invariants_.commit_index() <= healed_at) throw Violation("healed, a cluster commits");
  for (auto& server : servers_) {
    if (!is_read_at(*server)) throw Violation("healed, a cluster answers reads");
  }
}

/// As a client does: asks again, since a change of leaders may swallow a question.
bool RaftSimulation::is_read_at(Server& server) {
  const auto answered = [this, before = counts_["read"]] { return counts_["read"] > before; };
  for (int tries = 0; tries < 20 && !answered(); ++tries) {
    reads_.clear();
    const ReadTicket ticket{next_ticket_++};
    reads_[ticket] = {invariants_.commit_index()};
    server.raft->read(ticket, local(server));
    pump(server);
    run_until(now_ + 1s, answered);
  }
  return answered();
}

void RaftSimulation::schedule_workload() {
  const auto every = [this](Duration mean, auto&& self, auto action) -> void {
    at(now_ + within(2 * mean), [this, mean, self, action] {
      if (now_ > kFaults + kAfterwards) return;
      action();
      self(mean, self, action);
    });
  };
  every(20ms + within(100ms), every, [this] { propose(); });
  every(50ms, every, [this] { read(); });
  every(400ms, every, [this] { operate(); });
  every(100ms + within(700ms), every, [this] { misfortune(); });
}

RaftSimulation::Server* RaftSimulation::random_live() {
  std::vector<Server*> live;
  for (auto& server : servers_) {
    if (server->raft && server->paused_until <= now_) live.push_back(server.get());
  }
  return live.empty() ? nullptr : live[static_cast<std::size_t>(roll(static_cast<std::int64_t>(live.size())))];
}

/// Some server that believes to be the leader.
RaftSimulation::Server* RaftSimulation::leader() {
  for (int tries = 0; tries < 4; ++tries) {
    auto* server = random_live();
    if (server != nullptr && server->raft->role() == Role::leader) return server;
  }
  return random_live();
}

RaftSimulation::Server* RaftSimulation::find(const ReplicaKey& key) {
  for (auto& server : servers_) {
    if (server->key == key) return server.get();
  }
  return nullptr;
}

void RaftSimulation::propose() {
  auto* server = leader();
  if (server == nullptr) return;
  std::vector<std::string> commands;
  for (auto count = 1 + roll(4); count > 0; --count) {
    commands.push_back("c" + std::to_string(next_command_++) + std::string(static_cast<std::size_t>(roll(200)), '.'));
  }
  if (server->raft->propose(std::move(commands), local(*server)).refusal == Refusal::none) ++counts_["proposal"];
  pump(*server);
}

void RaftSimulation::read() {
  auto* server = roll(2) == 0 ? leader() : random_live();
  if (server != nullptr) read_at(*server);
}

void RaftSimulation::read_at(Server& server) {
  const ReadTicket ticket{next_ticket_++};
  reads_[ticket] = {invariants_.commit_index()};
  server.raft->read(ticket, local(server));
  pump(server);
}

/// What operators and housekeeping do.
void RaftSimulation::operate() {
  auto* server = roll(2) == 0 ? leader() : random_live();
  if (server == nullptr) return;
  switch (roll(4)) {
    case 0:
    case 1: return snapshot(*server);
    case 2: {
      const BrokerId target{static_cast<std::int32_t>(1 + roll(static_cast<std::int64_t>(servers_.size())))};
      if (server->raft->transfer(target, local(*server)) == Refusal::none) hand_over(*server);
      break;
    }
    default: change_membership(*server); break;
  }
  pump(*server);
}

/// Who leads no more may not know it, and clients ask it still.
void RaftSimulation::hand_over(Server& leader) {
  ++counts_["transfer"];
  ambush(leader);
  for (int asked = 0; asked < 4; ++asked) {
    on_server(leader.node(), now_ + within(options_.election_timeout), [this](Server& server) { read_at(server); });
  }
}

void RaftSimulation::snapshot(Server& server) {
  const bool is_possible =
      server.applied > server.disk->snapshot().index &&
      server.raft->log().matches(server.applied, server.disk->term(server.applied).value_or(Term{-1}));
  if (!is_possible) return;
  // The same bytes wherever it is made, and several chunks of them.
  std::string data(sizeof server.chain + static_cast<std::size_t>(server.applied.value() * 37 % 4000), 's');
  std::memcpy(data.data(), &server.chain, sizeof server.chain);
  server.disk->store_snapshot(server.raft->describe_snapshot(server.applied), std::move(data), roll(10));
  server.raft->on_snapshot_stored();
  ++counts_["snapshot"];
}

void RaftSimulation::change_membership(Server& leader) {
  if (wiped_ && leader.raft->log().configuration().has(*wiped_)) return remove_wiped(leader);
  const auto& key = servers_[static_cast<std::size_t>(roll(static_cast<std::int64_t>(servers_.size())))]->key;
  auto& raft = *leader.raft;
  const bool is_voter = raft.log().configuration().has(key);
  const auto answer = is_voter ? raft.remove_voter(key, local(leader)) : raft.add_voter(key, local(leader));
  if (answer.refusal != Refusal::none) return;
  ++counts_[is_voter ? "remove" : "add"];
  ambush(leader);
}

void RaftSimulation::remove_wiped(Server& leader) {
  if (leader.raft->remove_voter(*wiped_, local(leader)).refusal == Refusal::none) ++counts_["remove wiped"];
}

void RaftSimulation::misfortune() {
  if (is_healed_) return;
  const auto sum = faults_.crashes + faults_.partitions + faults_.one_way_cuts + faults_.pauses + faults_.wipes;
  if (sum == 0) return;
  auto dice = roll(sum);
  auto* server = roll(2) == 0 ? leader() : random_live();
  if ((dice -= faults_.crashes) < 0) {
    if (server == nullptr) return;
    crash(*server);
    return at(now_ + within(3s), [this, node = server->node()] {
      auto& down = *servers_[static_cast<std::size_t>(node - 1)];
      if (!down.raft) start(down);
    });
  }
  if ((dice -= faults_.partitions) < 0) return partition();
  if ((dice -= faults_.one_way_cuts) < 0) {
    const auto count = static_cast<std::int64_t>(servers_.size());
    cut_.insert({static_cast<int>(1 + roll(count)), static_cast<int>(1 + roll(count))});
    return;
  }
  if ((dice -= faults_.pauses) < 0) {
    if (server != nullptr) server->paused_until = now_ + within(2 * options_.election_timeout);
    return;
  }
  wipe();
}

/// In two halves, or everybody together again.
void RaftSimulation::partition() {
  cut_.clear();
  if (roll(2) == 0) return;
  ++counts_["partition"];
  std::set<int> side;
  for (const auto& server : servers_) {
    if (roll(2) == 0) side.insert(server->node());
  }
  for (const auto& from : servers_) {
    for (const auto& to : servers_) {
      if (side.contains(from->node()) != side.contains(to->node())) cut_.insert({from->node(), to->node()});
    }
  }
}

void RaftSimulation::welcome(Server& leader) {
  ambush(leader);
  if (!faults_.is_stormy || is_healed_ || roll(2) == 0) return;
  on_server(leader.node(), now_, [this](Server& server) {
    change_membership(server);
    pump(server);
  });
}

/// The worst moment for a leader to fail is just after it began something: it dies, or is left with few others, when a
/// part of its messages arrived.
void RaftSimulation::ambush(const Server& leader) {
  if (is_healed_ || !happens(faults_.ambush_percent)) return;
  const int node = leader.node();
  const bool dies = roll(2) == 0;
  const auto delay = roll(2) == 0 ? Duration{0} : within(4 * faults_.delay_max);
  on_server(node, now_ + delay, [this, dies](Server& server) {
    if (is_healed_) return;
    ++counts_["ambush"];
    if (!dies) return isolate_with_company(server.node());
    crash(server);
    at(now_ + within(options_.election_timeout * 3), [this, dead = server.node()] {
      auto& down = *servers_[static_cast<std::size_t>(dead - 1)];
      if (!down.raft) start(down);
    });
  });
}

/// Cut off from all but perhaps one.
void RaftSimulation::isolate_with_company(int node) {
  cut_.clear();
  const auto company = static_cast<int>(1 + roll(static_cast<std::int64_t>(servers_.size())));
  for (const auto& server : servers_) {
    const int other = server->node();
    if (other == node || other == company) continue;
    for (const int inside : {node, company}) {
      cut_.insert({inside, other});
      cut_.insert({other, inside});
    }
  }
}

/// One disk a run may be lost, where a majority of each configuration still known of is left without it.
bool RaftSimulation::may_wipe(const Server& server) const {
  if (wiped_) return false;
  for (const auto& other : servers_) {
    if (!other->raft) return false;
    const auto& configuration = other->raft->log().configuration();
    const bool is_pinned = std::all_of(configuration.voters().begin(), configuration.voters().end(),
                                       [](const ReplicaKey& voter) { return voter.is_pinned(); });
    if (!is_pinned || other->raft->log().configuration_index() > other->raft->log().commit_index()) return false;
    if (configuration.has(server.key) && configuration.voters().size() < 3) return false;
  }
  return true;
}

void RaftSimulation::wipe() {
  auto* server = random_live();
  if (server == nullptr || !may_wipe(*server)) return;
  crash(*server);
  ++counts_["wipe"];
  wiped_ = server->key;
  retired_.push_back(std::move(server->disk));
  server->key.directory = directory(next_directory_++);
  server->disk = std::make_unique<MemoryLog>(Configuration{});
  start(*server);
}

void RaftSimulation::heal() {
  is_healed_ = true;
  cut_.clear();
  faults_ = {.lost_percent = 0,
             .twice_percent = 0,
             .delay_max = 1ms,
             .write_max = 1ms,
             .drift_ppm_max = faults_.drift_ppm_max};
  for (auto& server : servers_) {
    server->paused_until = now_;
    if (!server->raft) start(*server);
  }
}

std::string RaftSimulation::describe() const {
  std::ostringstream out;
  for (const auto& server : servers_) {
    const auto& raft = *server->raft;
    out << "\n  " << server->node() << ' ' << raft.role() << " term=" << raft.term()
        << " leader=" << (raft.leader() ? raft.leader()->node : kNoBroker) << " first=" << raft.log().first_index()
        << " last=" << raft.log().last_index() << " durable=" << raft.log().durable_index()
        << " commit=" << raft.log().commit_index() << " applied=" << server->applied << " voters=";
    for (const auto& voter : raft.log().configuration().voters()) out << voter.node << (voter.is_pinned() ? " " : "? ");
  }
  return out.str();
}

bool RaftSimulation::has_converged() const {
  const auto leads = [](const auto& server) { return server->raft->role() == Role::leader; };
  if (std::count_if(servers_.begin(), servers_.end(), leads) != 1) return false;
  const auto& leader = **std::find_if(servers_.begin(), servers_.end(), leads);
  const auto& log = leader.raft->log();
  return std::all_of(servers_.begin(), servers_.end(), [&](const auto& server) {
    return server->raft->leader() == leader.key && server->raft->term() == leader.raft->term() &&
           server->applied == log.last_index() && server->chain == leader.chain &&
           server->raft->log().configuration() == log.configuration();
  });
}

}  // namespace sluice::test
