#include "tests/unit/broker/group/simulation/group_simulation.hpp"

#include <algorithm>
#include <utility>

namespace sluice::test::sim {

using broker::config::GroupSettings;
using std::chrono::milliseconds;

namespace {

constexpr int kClientsMax = 8;
constexpr int kTopicsMax = 6;
constexpr int kPartitionsMax = 6;
constexpr Time kTrouble{60'000};

}  // namespace

GroupSettings GroupSimulation::make_settings() {
  GroupSettings settings;
  settings.initial_rebalance_delay = milliseconds{500};
  settings.session_timeout_min = milliseconds{1000};
  settings.consumer_session_timeout = milliseconds{6000};
  settings.consumer_session_timeout_min = milliseconds{1000};
  settings.consumer_heartbeat_interval = milliseconds{2000};
  settings.consumer_heartbeat_interval_min = milliseconds{1000};
  settings.consumer_regex_refresh_interval = milliseconds{10'000};
  return settings;
}

GroupSimulation::GroupSimulation(Kind kind, std::uint64_t seed) : kind_(kind), world_(seed) {
  handover_ = world_.random.one_in(2) ? Handover::eager : Handover::cooperative;
  if (world_.random.one_in(5)) join_version_ = static_cast<std::int16_t>(world_.random.between(5, 8));
  // Before version 9 a static leader that comes back does not know that it leads, and misses what happens to topics.
  topics_change_ = (kind_ == Kind::consumer || join_version_ >= 9) && world_.random.one_in(2);
  make_topics();
  make_clients();
  world_.always([this] { check(); });
}

void GroupSimulation::make_topics() {
  for (int i = world_.random.between(1, 3); i > 0; --i) topics_.create(world_.random.between(1, kPartitionsMax));
}

std::vector<int> GroupSimulation::pick_topics() {
  auto topics = topics_.existing();
  if (world_.random.one_in(2)) {
    std::erase_if(topics, [&](int) { return world_.random.one_in(3); });
  }
  if (topics.empty()) topics.push_back(topics_.existing().front());
  return topics;
}

void GroupSimulation::make_clients() {
  const int count = world_.random.between(1, kClientsMax);
  const int statics = world_.random.one_in(2) ? 0 : world_.random.below(count + 1);
  for (int i = 0; i < count; ++i) {
    Client::Options options{.name = fmt::format("c{}", i)};
    if (i < statics) options.instance_id = fmt::format("i{}", i);
    options.topics = pick_topics();
    options.rebalance_timeout_ms = world_.random.between(4000, 9000);
    options.poll_interval = Time{world_.random.between(300, 1200)};
    clients_.push_back(make_client(std::move(options)));
  }
}

std::unique_ptr<Client> GroupSimulation::make_client(Client::Options options) {
  const Surroundings around{.world = world_,
                            .network = network_,
                            .coordinator = coordinator_,
                            .topics = topics_,
                            .ledger = ledger_,
                            .on_owned = [this](const Client& client) { check_owned(client); }};
  if (kind_ == Kind::classic || (kind_ == Kind::mixed && world_.random.one_in(2))) {
    return std::make_unique<ClassicClient>(around, std::move(options), handover_, join_version_);
  }
  ModernClient::Wishes wishes;
  if (world_.random.one_in(4)) wishes.assignor = world_.random.one_in(2) ? "uniform" : "range";
  if (world_.random.one_in(4)) wishes.rack = world_.random.one_in(2) ? "a" : "b";
  if (world_.random.one_in(4)) wishes.regex = world_.random.one_in(2) ? "t[0-2]" : "t.*";
  return std::make_unique<ModernClient>(around, std::move(options), std::move(wishes));
}

void GroupSimulation::every(Time interval, std::function<void()> action) {
  world_.after(interval, [this, interval, action = std::move(action)] {
    if (over_) return;
    action();
    every(interval, action);
  });
}

Outcome GroupSimulation::run() {
  every(Time{400}, [this] { produce(); });
  every(Time{1500}, [this] { supervise(); });
  disturb();
  pass(kTrouble);
  make_peace();
  find_together();
  stay_quiet();
  fall_silent();
  be_forgotten();
  return {.trace_hash = world_.trace.hash(),
          .trace_lines = world_.trace.size(),
          .partitions_given = generations_.given() + told_.given(),
          .records_logged = coordinator_.log_size()};
}

void GroupSimulation::produce() {
  if (!trouble_) return;
  const auto partitions = topics_.partitions_of(topics_.existing());
  ledger_.produce(world_.random.pick(partitions), world_.random.between(1, 9));
}

/// Starts processes, for the first time and again.
void GroupSimulation::supervise() {
  for (const auto& client : clients_) {
    if (!client->is_running() && !is_gone_for_good(*client) && world_.random.one_in(2)) client->start();
  }
}

void GroupSimulation::disturb() {
  world_.after(Time{world_.random.between(200, 3000)}, [this] {
    if (!trouble_) return;
    const int dice = world_.random.below(20);
    if (dice < 11) {
      disturb_client(*world_.random.pick(clients_));
    } else if (dice < 14) {
      coordinator_.crash(Time{world_.random.below(world_.random.one_in(4) ? 4000 : 200)});
    } else if (dice < 16) {
      disturb_network();
    } else if (dice < 18) {
      disturb_log();
    } else {
      disturb_topics();
    }
    disturb();
  });
}

void GroupSimulation::disturb_client(Client& client) {
  switch (world_.random.below(5)) {
    case 0: return client.kill();
    case 1: return client.close();
    case 2: return client.subscribe(pick_topics());
    default: break;
  }
  client.pause();
  world_.after(Time{world_.random.between(10, 14'000)}, [&client] { client.resume(); });
}

void GroupSimulation::disturb_topics() {
  if (!topics_change_) return;
  const auto existing = topics_.existing();
  const int topic = existing[static_cast<std::size_t>(world_.random.below(static_cast<int>(existing.size())))];
  switch (world_.random.below(3)) {
    case 0:
      if (topics_.partition_count(topic) >= kPartitionsMax) return;
      topics_.grow(topic);
      return world_.note("topics: t{} has {} partitions", topic, topics_.partition_count(topic));
    case 1: {
      if (existing.back() + 1 >= kTopicsMax) return;
      const int created = topics_.create(world_.random.between(1, kPartitionsMax));
      return world_.note("topics: t{} is created", created);
    }
    default:
      if (existing.size() < 2) return;
      topics_.remove(topic);
      world_.note("topics: t{} is deleted", topic);
      coordinator_.on_topic_deleted(topic);
  }
}

void GroupSimulation::disturb_network() {
  network_.faults = {.lost_per_mille = world_.random.below(150),
                     .slow_per_mille = world_.random.below(200),
                     .slowest = Time{world_.random.below(4000)}};
  world_.note("network: loses {} and delays {} of 1000", network_.faults.lost_per_mille,
              network_.faults.slow_per_mille);
  world_.after(Time{world_.random.below(10'000)}, [this] { network_.faults = {}; });
}

void GroupSimulation::disturb_log() {
  coordinator_.faults = {.failed_appends_per_mille = world_.random.one_in(2) ? world_.random.below(300) : 0,
                         .slow_commits_per_mille = world_.random.below(500),
                         .slowest_commit = Time{world_.random.below(5000)}};
  world_.note("log: fails {} and delays {} of 1000", coordinator_.faults.failed_appends_per_mille,
              coordinator_.faults.slow_commits_per_mille);
  world_.after(Time{world_.random.below(6000)}, [this] { coordinator_.faults = {}; });
}

}  // namespace sluice::test::sim
