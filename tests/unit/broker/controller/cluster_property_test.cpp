#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "broker/controller/features.hpp"
#include "protocol/base/planted_bug.hpp"
#include "tests/support/fake_cluster_state.hpp"

// Brokers come and go, with and without what they had not synced; leaders change ISRs; topics, settings and features
// change. The replicas' logs are modelled, so that it shows what the decisions are for: whoever is elected has
// everything that was committed, unless the election says otherwise.

namespace sluice {
namespace {

using broker::controller::ClusterState;
using broker::controller::LeaderRecovery;
using broker::controller::PartitionImage;
using broker::controller::TopicImage;
using protocol::ErrorCode;
using test::FakeCluster;

constexpr std::int32_t kBrokers = 5;
constexpr std::int32_t kTopics = 4;

using Log = std::vector<std::int32_t>;
using Place = std::pair<Uuid, std::int32_t>;

bool begins_with(const Log& log, const Log& prefix) {
  return log.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), log.begin());
}

/// Records that both begin with: a follower's log counts for its leader as far as it has been compared.
std::size_t common(const Log& left, const Log& right) {
  return static_cast<std::size_t>(std::mismatch(left.begin(), left.end(), right.begin(), right.end()).first -
                                  left.begin());
}

/// What the replicas of one partition have, and what of it was committed.
struct Replicas {
  std::map<BrokerId, Log> logs;
  Log committed;
  Log at_epoch_start;  ///< the leader's
};

/// A cluster under random commands, and what must hold after each.
class Model {
 public:
  explicit Model(std::uint32_t seed) : random_(seed), cluster_(kBrokers) {}

  void step();
  /// Empty: all that must hold holds.
  const std::string& complaint() const noexcept { return complaint_; }
  const FakeCluster& cluster() const noexcept { return cluster_; }
  FakeCluster& cluster() noexcept { return cluster_; }

 private:
  std::uint32_t below(std::uint32_t n) { return random_() % n; }
  std::int32_t any_broker() { return 1 + static_cast<std::int32_t>(below(kBrokers)); }
  std::string any_topic() { return "t" + std::to_string(below(kTopics)); }
  int min_in_sync(const TopicImage& topic, const PartitionImage& partition) const;

  void change_cluster();
  void restart();
  void change_topics();
  void use_logs();
  void use(const TopicImage& topic, const PartitionImage& partition);
  void ask_for_another_isr(const TopicImage& topic, const PartitionImage& partition);
  void ask_with_stale_epochs();
  void alter_features();

  void check();
  void check(const TopicImage& topic, const PartitionImage& partition);
  void check_leavers(const TopicImage& topic, const PartitionImage& now, const PartitionImage& before);
  void note_leader(const TopicImage& topic, const PartitionImage& now, const PartitionImage* before);
  void fail(const TopicImage& topic, const PartitionImage& partition, const std::string& what) {
    if (complaint_.empty()) complaint_ = topic.name + "-" + std::to_string(partition.partition.value()) + ": " + what;
  }

  std::mt19937 random_;
  FakeCluster cluster_;
  std::map<Place, Replicas> replicas_;
  std::map<Place, PartitionImage> before_;
  std::int32_t next_value_ = 0;
  std::string complaint_;
};

int Model::min_in_sync(const TopicImage& topic, const PartitionImage& partition) const {
  const auto found = topic.configs.find("min.insync.replicas");
  const int configured = found == topic.configs.end() ? 1 : std::stoi(found->second);
  return std::min(configured, static_cast<int>(partition.replicas.size()));
}

void Model::step() {
  if (below(3) != 0) {
    use_logs();
  } else {
    change_cluster();
  }
  check();
}

void Model::change_cluster() {
  const auto id = any_broker();
  const auto* broker = cluster_.state.image().find_broker(BrokerId{id});
  switch (below(15)) {
    case 0:
    case 1: return cluster_.fence(id);
    case 2:
    case 3: return restart();
    case 4:
    case 5:
    case 6:
    case 7:
      if (broker != nullptr) cluster_.heartbeat(id);
      return;
    case 8:
      if (broker != nullptr) cluster_.begin_shutdown(id);
      return;
    case 9: return change_topics();
    case 10: {
      protocol::ElectLeadersRequest request;
      request.election_type = static_cast<std::int8_t>(below(8) == 0);
      request.topic_partitions = std::nullopt;
      cluster_.handle(request);
      return;
    }
    case 11: return cluster_.apply(cluster_.state.balance_leaders(0, 3));
    case 12: return cluster_.apply(cluster_.state.repair(100));
    case 13:
      if (below(6) == 0) {
        protocol::UnregisterBrokerRequest request;
        request.broker_id = BrokerId{id};
        cluster_.handle(request);
      } else {
        alter_features();
      }
      return;
    default: cluster_.apply(cluster_.state.grow_internal_topics(2)); cluster_.apply(cluster_.state.finish_moves(2));
  }
}

/// With or without what it had not synced. Only the other lives of a fenced broker are told apart from its own here:
/// its connections, and with them its leadership, ended before.
void Model::restart() {
  const auto id = any_broker();
  const bool clean = below(2) == 0;
  if (!clean) {
    for (auto& [place, replicas] : replicas_) {
      auto& log = replicas.logs[BrokerId{id}];
      log.resize(log.size() - std::min<std::size_t>(log.size(), below(4)));
    }
  }
  cluster_.start(id, clean);
}

void Model::change_topics() {
  const auto name = any_topic();
  switch (below(5)) {
    case 0: {
      protocol::DeleteTopicsRequest request;
      request.topic_names = {name};
      if (below(3) == 0) cluster_.handle(request);
      return;
    }
    case 1: cluster_.set(name, "min.insync.replicas", std::to_string(1 + below(3))); return;
    case 2: cluster_.set(name, "unclean.leader.election.enable", below(4) == 0 ? "true" : "false"); return;
    case 3: cluster_.create("__consumer_offsets", 2, 1); return;
    default: {
      protocol::CreateTopicsRequest request;
      auto& topic = request.topics.emplace_back();
      topic.name = name;
      topic.num_partitions = 2;
      topic.replication_factor = static_cast<std::int16_t>(1 + below(3));
      auto& config = topic.configs.emplace_back();
      config.name = "min.insync.replicas";
      config.value = std::to_string(1 + below(3));
      cluster_.handle(request);
    }
  }
}

void Model::alter_features() {
  protocol::UpdateFeaturesRequest request;
  auto& update = request.feature_updates.emplace_back();
  update.feature = broker::controller::kEligibleLeaderReplicas;
  update.max_version_level = static_cast<std::int16_t>(below(4) != 0);
  update.upgrade_type = update.max_version_level == 0 ? 2 : 1;
  cluster_.handle(request);
}

void Model::use_logs() {
  if (below(6) == 0) return ask_with_stale_epochs();
  std::vector<std::pair<std::string, std::int32_t>> all;
  for (const auto& name : cluster_.state.image().topic_names()) {
    const auto* topic = cluster_.state.image().find_topic(name);
    for (const auto& partition : topic->partitions) all.emplace_back(name, partition.partition.value());
  }
  if (all.empty()) return change_topics();
  const auto& [name, number] = all[below(static_cast<std::uint32_t>(all.size()))];
  const auto& topic = *cluster_.state.image().find_topic(name);
  use(topic, topic.partitions[static_cast<std::size_t>(number)]);
}

void Model::use(const TopicImage& topic, const PartitionImage& partition) {
  if (partition.leader == kNoBroker) return;
  auto& replicas = replicas_[{topic.id, partition.partition.value()}];
  auto& leader = replicas.logs[partition.leader];
  switch (below(5)) {
    case 0: leader.push_back(next_value_++); return;
    case 1:
    case 2: {  // a follower fetches, cut back to what the two have in common first
      const auto follower = partition.replicas[below(static_cast<std::uint32_t>(partition.replicas.size()))];
      auto& log = replicas.logs[follower];
      const auto end = common(log, leader) + below(4);
      log.assign(leader.begin(), leader.begin() + static_cast<std::ptrdiff_t>(std::min(end, leader.size())));
      return;
    }
    case 3: {  // the high watermark, strictly (KIP-966)
      if (static_cast<int>(partition.isr.size()) < min_in_sync(topic, partition)) return;
      auto end = leader.size();
      for (const auto id : partition.isr) end = std::min(end, common(replicas.logs[id], leader));
      if (end <= replicas.committed.size()) return;
      replicas.committed.assign(leader.begin(), leader.begin() + static_cast<std::ptrdiff_t>(end));
      return;
    }
    default: ask_for_another_isr(topic, partition);
  }
}

void Model::ask_for_another_isr(const TopicImage& topic, const PartitionImage& partition) {
  const auto& replicas = replicas_[{topic.id, partition.partition.value()}];
  std::vector<std::int32_t> isr;
  for (const auto id : partition.replicas) {
    const auto& log = replicas.logs.contains(id) ? replicas.logs.at(id) : Log{};
    const bool is_caught_up = begins_with(log, replicas.committed) && begins_with(log, replicas.at_epoch_start);
    const bool stays = partition.is_in_sync(id) && below(3) != 0;
    const bool joins = !partition.is_in_sync(id) && is_caught_up && cluster_.state.image().find_broker(id) != nullptr;
    if (id == partition.leader || stays || joins) isr.push_back(id.value());
  }
  for (const auto id : isr) {
    if (cluster_.state.image().find_broker(BrokerId{id}) == nullptr) return;
  }
  cluster_.change_isr(topic.name, isr, partition.partition.value());
}

/// What arrives late, or from a life before, changes nothing.
void Model::ask_with_stale_epochs() {
  const auto name = any_topic();
  const auto* topic = cluster_.state.image().find_topic(name);
  if (topic == nullptr || topic->partitions.front().leader == kNoBroker) return;
  const auto& partition = topic->partitions.front();
  std::vector<std::int32_t> isr{partition.leader.value()};
  const auto* other = cluster_.state.image().find_broker(
      partition.replicas[below(static_cast<std::uint32_t>(partition.replicas.size()))]);
  if (other != nullptr && other->id != partition.leader) isr.push_back(other->id.value());
  auto request = cluster_.ask_for_isr(name, isr);
  auto& change = request.changes.front();
  switch (below(4)) {
    case 0: change.leader_epoch = LeaderEpoch{change.leader_epoch.value() - 1}; break;
    case 1: change.partition_epoch = broker::controller::PartitionEpoch{change.partition_epoch.value() - 1}; break;
    case 2: request.broker_epoch = broker::controller::BrokerEpoch{request.broker_epoch.value() - 1}; break;
    default:
      if (isr.size() == 1) return;
      change.isr.back().epoch = broker::controller::BrokerEpoch{change.isr.back().epoch.value() - 1};
  }
  if (!cluster_.state.handle(request).records.empty()) fail(*topic, partition, "a stale change of the ISR was taken");
}

void Model::check() {
  std::map<Place, PartitionImage> now;
  cluster_.state.image().for_each_topic([&](const TopicImage& topic) {
    for (const auto& partition : topic.partitions) {
      check(topic, partition);
      now.emplace(Place{topic.id, partition.partition.value()}, partition);
    }
  });
  before_ = std::move(now);
}

void Model::check(const TopicImage& topic, const PartitionImage& partition) {
  const auto is_member = [](const std::vector<BrokerId>& all, BrokerId id) {
    return std::ranges::find(all, id) != all.end();
  };
  const auto& image = cluster_.state.image();
  if (std::set(partition.replicas.begin(), partition.replicas.end()).size() != partition.replicas.size()) {
    fail(topic, partition, "a replica twice");
  }
  for (const auto& part : {partition.isr, partition.elr, partition.adding, partition.removing}) {
    for (const auto id : part) {
      if (!partition.has_replica(id)) fail(topic, partition, "ISR, ELR and those that move are replicas");
    }
  }
  for (const auto id : partition.elr) {
    if (is_member(partition.isr, id)) fail(topic, partition, "the ELR is apart from the ISR");
  }
  const auto wanted = static_cast<std::size_t>(min_in_sync(topic, partition));
  if (partition.isr.size() >= wanted && !partition.elr.empty())
    fail(topic, partition, "an ELR beside an ISR that suffices");
  if (image.feature_level(broker::controller::kEligibleLeaderReplicas) == 0 && !partition.elr.empty()) {
    fail(topic, partition, "an ELR without the feature");
  }
  if (partition.leader == kNoBroker) {
    if (partition.isr.empty() && partition.elr.empty() && partition.last_known_elr.empty()) {
      fail(topic, partition, "nobody is left that could ever lead");
    }
  } else {
    const auto* leader = image.find_broker(partition.leader);
    if (!partition.is_in_sync(partition.leader)) fail(topic, partition, "the leader is not in sync");
    if (leader == nullptr || leader->fenced) fail(topic, partition, "the leader is fenced");
  }
  const auto found = before_.find({topic.id, partition.partition.value()});
  const auto* before = found == before_.end() ? nullptr : &found->second;
  if (before != nullptr && *before != partition) {
    if (partition.partition_epoch <= before->partition_epoch) fail(topic, partition, "the partition epoch must grow");
    if (partition.leader_epoch < before->leader_epoch) fail(topic, partition, "the leader epoch went back");
    if (partition.leader != before->leader && partition.leader_epoch <= before->leader_epoch) {
      fail(topic, partition, "two leaders in one epoch");
    }
  }
  if (before != nullptr) check_leavers(topic, partition, *before);
  note_leader(topic, partition, before);
}

/// Whoever left an ISR that is too small now is eligible, and the last one never leaves, but for those that lost their
/// tail and for elections that say so.
void Model::check_leavers(const TopicImage& topic, const PartitionImage& now, const PartitionImage& before) {
  if (now.isr == before.isr || now.recovery == LeaderRecovery::recovering) return;
  const auto& image = cluster_.state.image();
  const bool keeps = image.feature_level(broker::controller::kEligibleLeaderReplicas) > 0 &&
                     static_cast<int>(now.isr.size()) < min_in_sync(topic, now);
  for (const auto id : before.isr) {
    const auto* broker = image.find_broker(id);
    if (now.is_in_sync(id) || !now.has_replica(id) || (broker != nullptr && !broker->was_shut_down_cleanly)) continue;
    if (now.isr.empty()) fail(topic, now, "the last of the ISR left it");
    if (keeps && std::ranges::find(now.elr, id) == now.elr.end()) fail(topic, now, "who left is not eligible");
  }
}

void Model::note_leader(const TopicImage& topic, const PartitionImage& now, const PartitionImage* before) {
  auto& replicas = replicas_[{topic.id, now.partition.value()}];
  if (now.leader == kNoBroker) return;
  if (before != nullptr && now.leader_epoch == before->leader_epoch) return;
  auto& log = replicas.logs[now.leader];
  if (!begins_with(log, replicas.committed)) {
    // Alone it may have lost its tail; and where the election was unclean, it says so.
    if (now.replicas.size() > 1 && now.recovery == LeaderRecovery::recovered) {
      fail(topic, now, "the leader lacks what was committed, and nobody was told");
    }
    replicas.committed = log;
  }
  replicas.at_epoch_start = log;
}

}  // namespace

TEST_CASE("whoever is elected has all that was committed, or it is told", "[controller]") {
  // 2,000 seeds, in blocks: one test case of Catch2 for each would take longer than what it tests.
  const auto block = GENERATE(range(0U, 20U));
  for (std::uint32_t seed = block * 100; seed < block * 100 + 100; ++seed) {
    Model model{seed};
    for (int i = 0; i < 150 && model.complaint().empty(); ++i) model.step();
    INFO("seed " << seed);
    REQUIRE(model.complaint() == "");
  }
}

TEST_CASE("the state is a function of its records, however they reach it", "[controller]") {
  const auto seed = GENERATE(range(0U, 40U));
  CAPTURE(seed);
  Model model{seed};
  const auto make = [&] { return ClusterState{model.cluster().config, test::counting_uuids()}; };
  auto follower = make();
  std::size_t applied = 0;
  for (int i = 0; i < 200; ++i) {
    model.step();
    for (auto& commands = model.cluster().commands; applied < commands.size(); ++applied) {
      const auto decoded = broker::controller::decode(as_byte_view(broker::controller::encode(commands[applied])));
      REQUIRE((decoded == commands[applied]));
      follower.replay(*decoded, Offset{static_cast<std::int64_t>(applied) + 1});
    }
    if (i % 50 != 49) continue;
    const auto& image = model.cluster().state.image();
    REQUIRE(follower.image() == image);
    auto restored = make();
    restored.reset(model.cluster().state.to_records(), image.version());
    REQUIRE(restored.image() == image);
  }
}

TEST_CASE("a snapshot's change tells what became different, and shares what did not", "[controller]") {
  Model model{7};
  for (int i = 0; i < 100; ++i) model.step();
  auto& cluster = model.cluster();
  cluster.create("same");
  ClusterState follower{cluster.config, test::counting_uuids()};
  follower.reset(cluster.state.to_records(), cluster.state.image().version());
  const auto first = follower.take_change().after;
  REQUIRE(*first == cluster.state.image());

  cluster.create("new");
  cluster.start(1);
  protocol::DeleteTopicsRequest removal;
  cluster.create("gone");
  follower.reset(cluster.state.to_records(), cluster.state.image().version());
  follower.take_change();
  removal.topic_names = {"gone"};
  cluster.handle(removal);
  cluster.set("new", "retention.ms", "5000");
  follower.reset(cluster.state.to_records(), cluster.state.image().version());
  const auto change = follower.take_change();
  CHECK(*change.after == cluster.state.image());
  REQUIRE(change.delta.topics.size() == 2);
  CHECK(change.delta.topics[0].before->name == "gone");
  CHECK(change.delta.topics[1].after->name == "new");
  CHECK_FALSE(change.delta.brokers_changed);
  CHECK(change.after->find_topic("same") == change.before->find_topic("same"));
}

#ifdef SLUICE_PLANTED_BUGS
TEST_CASE("each planted bug of the controller is noticed", "[controller]") {
  const auto* bug = GENERATE("controller: elects outside ISR and ELR", "controller: forgets the ELR",
                             "controller: reuses a leader epoch", "controller: takes a stale ISR change",
                             "controller: admits a replica of a life before", "controller: fencing empties the ISR",
                             "controller: keeps who lost its tail");
  CAPTURE(bug);
  const PlantedBug planted{bug};
  std::string complaint;
  for (std::uint32_t seed = 0; seed < 2000 && complaint.empty(); ++seed) {
    Model model{seed};
    for (int i = 0; i < 150 && model.complaint().empty(); ++i) model.step();
    complaint = model.complaint();
    if (!complaint.empty()) WARN(bug << ": seed " << seed << ": " << complaint);
  }
  CHECK(complaint != "");
}
#endif

}  // namespace sluice
