#include "tests/sim/simulation.hpp"

#include <algorithm>
#include <sstream>

namespace sluice::sim {

using broker::raft::Role;

namespace {

Settings settings_for(Random& random, const Plan& plan) {
  const auto drawn = draw_settings(random);
  return plan.settings.value_or(drawn);
}
NetworkWeather weather_for(Random& random, const Plan& plan) {
  const auto drawn = draw_weather(random);
  return plan.weather.value_or(drawn);
}

}  // namespace

Simulation::Simulation(std::uint64_t seed, Plan plan)
    : seed_(seed),
      random_(seed),
      faults_(draw_faults(random_)),
      produce_interval_(random_.one_of<Duration>({300ms, 1s, 3s})),
      administer_interval_(plan.administer_interval),
      read_interval_(plan.read_interval),
      heals_core_first_(plan.heals_core_first),
      world_([&] {
        const auto settings = settings_for(random_, plan);
        const auto weather = weather_for(random_, plan);
        return std::make_unique<World>(seed, settings, weather);
      }()),
      atlas_(*world_) {
  if (plan.faults) faults_ = *plan.faults;
  if (plan.produce_interval > Duration{0}) produce_interval_ = plan.produce_interval;
  world_->network.set_stopped_check([this](HostId host) {
    const auto found = world_->nodes.find(host);
    return found != world_->nodes.end() && found->second->has_stopped_dead();
  });
  world_->network.on_gone([this](HostId from, HostId to) {
    if (!world_->nodes.contains(from) || !world_->nodes.contains(to)) return;
    world_->node(from).run([to](Process& process) {
      process.quorum().on_unreachable(BrokerId{to});
      process.metadata().on_broker_gone(BrokerId{to});
    });
  });
  world_->may_lose_unsynced = [this](HostId host) { return atlas_.may_lose_unsynced(host); };
  admin_ = add_client();
}

Simulation::~Simulation() = default;

HostId Simulation::add_client() {
  const auto host = next_client_++;
  world_->network.add_host(host);
  world_->network.host_up(host);
  return host;
}

void Simulation::step_until(Instant end) {
  while (world_->scheduler.step(end)) continue;
}

void Simulation::run_for(Duration time) { step_until(world_->scheduler.now() + time); }

bool Simulation::run_until(const std::function<bool()>& done, Duration patience) {
  const auto end = world_->scheduler.now() + patience;
  // Looked at ten times a second: it costs more than most events.
  while (!done()) {
    if (world_->scheduler.now() >= end) return false;
    step_until(std::min(end, world_->scheduler.now() + 100ms));
  }
  return true;
}

void Simulation::await(const char* what, const std::function<bool()>& done, Duration patience) {
  if (run_until(done, patience)) return;
  std::string why;
  has_converged(&why);
  throw Violation(std::string{"it comes to pass in time: "} + what + "; " + why);
}

void Simulation::start() {
  const auto late = std::min(faults_.late_nodes, world_->settings.nodes - world_->settings.voters);
  for (auto& [id, node] : world_->nodes) {
    if (id <= world_->settings.nodes - late) node->start();
  }
  const auto needed = std::max(world_->settings.replication, 1);
  await("the cluster is founded", [&] {
    const auto& image = world_->watchers->metadata.latest();
    const auto live = std::ranges::count_if(image.brokers(), [](const auto& broker) { return broker.is_active(); });
    return quorum_leader() != nullptr && live >= std::min(needed, world_->settings.nodes - late);
  });
  for (int i = 0; i < world_->settings.topics; ++i) {
    const auto kind = i == 0 ? "clean-" : random_.one_of<const char*>({"clean-", "plain-", "lossy-"});
    const auto partitions = 1 + static_cast<int>(random_.roll(world_->settings.partitions_max));
    create_topic(kind + std::to_string(i), partitions, std::string{kind} == "lossy-");
  }
  start_clients();
}

void Simulation::run(Duration faulty) {
  start();
  run_for(10s);
  if (faults_.total() > 0) schedule_misfortune();
  administer();
  if (read_interval_ > Duration{0}) read_metadata();
  if (administer_interval_ > Duration{0} && faults_.voter_changes > 0) hurry_voter_changes(broker::raft::kNoTerm);
  mend();
  const auto late = world_->scheduler.now() + faulty / 2;
  step_until(late);
  for (auto& [id, node] : world_->nodes) {
    if (!node->is_up() && node->was_never_up()) node->start();
  }
  step_until(late + faulty / 2);
  if (heals_core_first_) heal_core();
  heal_and_check();
}

Node* Simulation::quorum_leader() {
  Node* found = nullptr;
  for (auto& [id, node] : world_->nodes) {
    if (!node->is_up()) continue;
    const auto& raft = node->process().quorum().raft();
    if (raft.role() != Role::leader) continue;
    if (found == nullptr || raft.term() > found->process().quorum().raft().term()) found = node.get();
  }
  return found;
}

const broker::controller::PartitionImage* Simulation::partition(const std::string& topic, int index) {
  return world_->watchers->metadata.latest().find_partition(topic, PartitionId{index});
}

Node* Simulation::partition_leader(const std::string& topic, int index) {
  const auto* image = partition(topic, index);
  if (image == nullptr || image->leader == kNoBroker) return nullptr;
  auto& node = world_->node(image->leader.value());
  return node.is_up() ? &node : nullptr;
}

std::size_t Simulation::acknowledged() const {
  std::size_t count = 0;
  for (const auto& producer : producers_) count += producer->acknowledged();
  return count;
}

std::string Simulation::describe_failure() const {
  std::ostringstream out;
  const auto& settings = world_->settings;
  out << "SLUICE_SEED=" << seed_ << " at " << static_cast<double>(world_->scheduler.now().count()) / 1e9 << " s; nodes "
      << settings.nodes << " voters " << settings.voters << " replication " << settings.replication << " min.insync "
      << settings.min_in_sync << (settings.durability == broker::config::Durability::fsync ? " fsync" : " os") << "\n"
      << world_->trace.last_events();
  return out.str();
}

}  // namespace sluice::sim
