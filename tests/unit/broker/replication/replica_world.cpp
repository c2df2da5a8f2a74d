#include "tests/unit/broker/replication/replica_world.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "protocol/record/batch_view.hpp"
#include "tests/support/batches.hpp"

namespace sluice::test {

using namespace std::chrono_literals;
using broker::controller::BrokerEpoch;
using broker::controller::PartitionImage;
using broker::replication::FetchedData;
using broker::replication::FetchPosition;
using protocol::ErrorCode;

namespace {

constexpr auto kLagMax = 10s;
constexpr auto kDirectory = "/data/t-0";

const Uuid kTopicId = Uuid::random();

storage::LogOptions small_segments() {
  storage::LogOptions options;
  options.segment_bytes = 4096;
  options.segment_index_bytes = 1024;
  return options;
}

}  // namespace

/// A broker as far as the partition goes. What happens to it is a matter of chance, so nothing happens by itself.
struct ReplicaWorld::Node final : broker::replication::SyncQueue, broker::replication::ReplicaEvents {
  explicit Node(BrokerId broker) : id(broker) {}

  void request(const std::shared_ptr<Partition>&) override { wants_sync = true; }
  void request_by(const std::shared_ptr<Partition>&, Instant) override { wants_sync = true; }
  void on_isr_change_wanted(const std::shared_ptr<Partition>&) noexcept override { wants_isr = true; }
  void on_follower_synced(const std::shared_ptr<Partition>&) noexcept override { has_progress = true; }

  bool is_up() const noexcept { return partition != nullptr; }

  const BrokerId id;
  storage::MemoryFileSystem fs{std::uint64_t{1} << 20};
  std::optional<storage::LogResources> resources;
  std::shared_ptr<Partition> partition;
  BrokerEpoch epoch{0};
  std::uint64_t life = 0;
  bool fenced = false;
  Offset checkpointed_high_watermark = kNoOffset;
  std::size_t images_seen = 0;

  bool wants_sync = false;
  bool wants_isr = false;
  bool has_progress = false;
  std::uint64_t awaits_isr = 0;  // the number of what it asked for; 0: nothing
  LeaderEpoch accepted_in = kNoLeaderEpoch;
  std::optional<Fetch> fetch;  // one at a time, to or from the leader
  std::optional<Fetched> fetched;
  std::deque<Progress> progress;
  std::optional<Alter> alter;
  std::optional<Altered> altered;

  // What its log holds, record by record, as of the last look.
  std::vector<Identity> records;
  std::optional<std::pair<LeaderEpoch, Offset>> led;  // the leader epoch and high watermark, at the last look
};

ReplicaWorld::ReplicaWorld(const Options& options) : options_(options), random_(options.seed) {
  for (int id = 1; id <= 3; ++id) nodes_.push_back(std::make_unique<Node>(BrokerId{id}));
  now_ = {.replicas = {BrokerId{1}, BrokerId{2}, BrokerId{3}},
          .isr = {BrokerId{1}, BrokerId{2}, BrokerId{3}},
          .leader = BrokerId{1}};
  publish();
  for (auto& node : nodes_) start(*node);
}

ReplicaWorld::~ReplicaWorld() = default;

void ReplicaWorld::start(Node& node) {
  if (node.is_up()) return;
  node.resources.emplace(node.fs);
  REQUIRE(node.fs.create_directories("/data").has_value());
  REQUIRE(node.fs.sync_directory("/").has_value());
  std::shared_ptr<storage::Log> log = storage::Log::open(*node.resources, kDirectory, small_segments(), {}).value();
  broker::config::TopicSettings settings;
  settings.durability = options_.synced ? broker::config::Durability::fsync : broker::config::Durability::os;
  settings.min_insync_replicas = options_.min_in_sync;
  const Partition::Surroundings surroundings{
      .this_broker = node.id, .syncer = node, .events = node, .lag_max = kLagMax};
  node.partition = std::make_shared<Partition>(
      TopicPartition{"t", PartitionId{0}}, kTopicId, std::move(log), surroundings,
      std::make_shared<const broker::config::TopicSettings>(settings), node.checkpointed_high_watermark);
  node.epoch = BrokerEpoch{next_broker_epoch_++};
  ++node.life;
  node.accepted_in = kNoLeaderEpoch;
  node.records.clear();
  node.led.reset();
  node.wants_isr = node.has_progress = false;
  node.awaits_isr = 0;
  node.partition->make_safe();
  if (node.life > 1) {
    // A new life: out of the ISR unless it is the last there, and in again by coming.
    fence(node);
    unfence(node);
  }
  node.images_seen = images_.size() - 1;
  learn(node, true);
}

void ReplicaWorld::crash(Node& node) {
  if (!node.is_up()) return;
  node.partition.reset();
  lose_messages(node);
  node.wants_sync = false;
  if (options_.synced) {
    node.fs.crash(pick(2) == 0 ? storage::CrashPolicy::lose_unsynced : storage::CrashPolicy::random, random_());
  }
  node.resources.reset();
}

void ReplicaWorld::lose_messages(Node& node) {
  node.fetch.reset();
  node.fetched.reset();
  node.progress.clear();
}

void ReplicaWorld::produce(Node& node) {
  if (!node.is_up()) return;
  auto& partition = *node.partition;
  const bool all = pick(4) != 0;
  if (partition.check_leadership(kNoLeaderEpoch) != ErrorCode::none) {
    // A request that was let in just before: the partition itself must know.
    if (pick(4) != 0) return;
  } else if (all && partition.check_in_sync() != ErrorCode::none) {
    return;
  }
  const auto epoch = partition.leader_epoch();
  std::vector<TestRecord> records(1 + static_cast<std::size_t>(pick(3)));
  for (auto& record : records) record.value = std::to_string(next_value_++);
  auto bytes = batch_from(records);
  const auto batch = *record::MutableBatch::parse(bytes);
  const auto appended = partition.append(batch, kSomeTime);
  if (!appended || !all) return;
  const auto crc = batch.crc();
  partition.when_replicated(
      appended->last_offset + 1,
      [this, crc, from = appended->base_offset, end = appended->last_offset + 1](ErrorCode outcome) {
        if (outcome != ErrorCode::none) return;
        for (auto offset = from; offset < end; offset = offset + 1) {
          const auto [known, is_new] = acknowledged_.emplace(offset, crc);
          if (!is_new && known->second != crc && !wrong_) {
            wrong_ = fmt::format("offset {} was acknowledged twice, for different records", offset.value());
          }
        }
      },
      epoch);
}

void ReplicaWorld::learn(Node& node, bool newest) {
  if (!node.is_up() || node.images_seen >= images_.size()) return;
  const auto left = static_cast<int>(images_.size() - node.images_seen);
  node.images_seen += newest ? static_cast<std::size_t>(left) : 1 + static_cast<std::size_t>(pick(left));
  REQUIRE(node.partition->apply(images_[node.images_seen - 1], clock_).has_value());
}

void ReplicaWorld::sync(Node& node) {
  if (node.is_up() && std::exchange(node.wants_sync, false)) node.partition->sync_now();
}

void ReplicaWorld::begin_fetch(Node& node) {
  if (!node.is_up() || node.fetch || node.fetched) return;
  if (const auto position = node.partition->fetch_position()) node.fetch = Fetch{*position, node.epoch};
}

void ReplicaWorld::serve_fetch(Node& follower) {
  if (!follower.fetch) return;
  const auto fetch = *std::exchange(follower.fetch, std::nullopt);
  auto& leader = node(fetch.asked.leader);
  if (!leader.is_up() || leader.id == follower.id) return;
  if (leader.partition->check_leadership(fetch.asked.current_leader_epoch) != ErrorCode::none) return;
  follower.fetched = read(leader, fetch, follower.id);
}

/// As the Fetch handler does.
ReplicaWorld::Fetched ReplicaWorld::read(Node& leader, const Fetch& fetch, BrokerId follower) {
  auto& partition = *leader.partition;
  Fetched fetched{.asked = fetch.asked, .data = {}, .bytes = {}, .restart = {}};
  fetched.data.leader_log_start = partition.log_start_offset();
  fetched.data.leader_high_watermark = partition.high_watermark();
  if (fetch.asked.last_fetched_epoch != kNoLeaderEpoch) {
    const auto known = partition.log().end_of_epoch(fetch.asked.last_fetched_epoch);
    if (known.leader_epoch < fetch.asked.last_fetched_epoch || known.end_offset < fetch.asked.offset) {
      fetched.data.diverging = known;
      return fetched;
    }
  }
  const auto noted = partition.note_fetch({.id = follower, .epoch = fetch.epoch}, fetch.asked.offset, clock_,
                                          fetch.asked.current_leader_epoch);
  if (noted != ErrorCode::none) return fetched;
  const auto bytes_max = static_cast<std::size_t>(100 + pick(1000));
  const auto slice = partition.log().read(fetch.asked.offset, bytes_max, partition.log_end_offset(), true);
  REQUIRE(slice.has_value());
  fetched.bytes.resize(slice->size);
  if (!slice->empty()) REQUIRE(slice->read(fetched.bytes).has_value());
  if (pick(5) == 0 && !fetched.bytes.empty()) {
    fetched.bytes.resize(fetched.bytes.size() - static_cast<std::size_t>(pick(60)) % fetched.bytes.size());
  }
  return fetched;
}

void ReplicaWorld::end_fetch(Node& node) {
  if (!node.is_up() || !node.fetched) return;
  auto fetched = *std::exchange(node.fetched, std::nullopt);
  fetched.data.batches = fetched.bytes;
  auto& partition = *node.partition;
  const auto before = partition.log_end_offset();
  const auto taken = partition.take_fetched(fetched.asked, fetched.data, kSomeTime);
  if (!taken && !wrong_)
    wrong_ = fmt::format("broker {} can't take what it fetched: {}", node.id.value(), taken.error().message());
  if (partition.log_end_offset() < before) ++cuts_;
  if (!fetched.data.diverging && partition.leader_epoch() == fetched.asked.current_leader_epoch) {
    node.accepted_in = fetched.asked.current_leader_epoch;
    node.has_progress = true;
  }
}

void ReplicaWorld::tell_progress(Node& node) {
  if (!node.is_up() || !std::exchange(node.has_progress, false)) return;
  auto& partition = *node.partition;
  if (partition.is_leader() || partition.leader() == kNoBroker || node.accepted_in != partition.leader_epoch()) return;
  node.progress.push_back({partition.leader(), node.accepted_in, node.epoch, partition.log().synced_end_offset()});
}

void ReplicaWorld::take_progress(Node& from) {
  if (from.progress.empty()) return;
  const auto told = from.progress.front();
  from.progress.pop_front();
  auto& leader = node(told.leader);
  if (leader.is_up() && told.epoch == from.epoch) {
    leader.partition->note_synced(from.id, told.leader_epoch, told.synced_end);
  }
}

void ReplicaWorld::ask_for_isr(Node& node) {
  if (!node.is_up() || node.awaits_isr != 0) return;
  if (auto change = node.partition->take_isr_change(clock_)) {
    node.awaits_isr = next_alter_;
    node.alter = Alter{node.id, node.life, next_alter_++, std::move(*change)};
  }
}

/// The request arrives, the answer arrives, or somebody gives up; a request that was given up may arrive later.
void ReplicaWorld::answer_isr(Node& leader) {
  if (leader.alter && pick(2) == 0) {
    const auto asked = *std::exchange(leader.alter, std::nullopt);
    leader.altered = Altered{asked.number, alter(asked)};
    return;
  }
  if (!leader.is_up() || leader.awaits_isr == 0) return;
  if (pick(4) == 0) {
    leader.awaits_isr = 0;
    leader.partition->on_isr_failed(true);
  } else if (leader.altered && leader.altered->number == leader.awaits_isr) {
    leader.awaits_isr = 0;
    leader.partition->on_isr_response(std::exchange(leader.altered, std::nullopt)->item, clock_);
  }
}

broker::controller::AlterPartitionResponse::Item ReplicaWorld::alter(const Alter& asked) {
  broker::controller::AlterPartitionResponse::Item answer{.topic_id = kTopicId};
  const auto& change = asked.change;
  const auto is_eligible = [&](const auto& member) {
    const auto& broker = node(member.id);
    return !broker.fenced && (member.epoch == broker::controller::kNoBrokerEpoch || member.epoch == broker.epoch);
  };
  if (node(asked.leader).life != asked.life || now_.leader != asked.leader ||
      change.leader_epoch != now_.leader_epoch) {
    answer.error_code = ErrorCode::fenced_leader_epoch;
  } else if (change.partition_epoch != now_.partition_epoch) {
    answer.error_code = ErrorCode::invalid_update_version;
  } else if (!std::ranges::all_of(change.isr, is_eligible)) {
    answer.error_code = ErrorCode::ineligible_replica;
  } else {
    const auto before = now_.isr;
    now_.isr.clear();
    for (const auto& member : change.isr) now_.isr.push_back(member.id);
    now_.partition_epoch = broker::controller::PartitionEpoch{now_.partition_epoch.value() + 1};
    const auto enough = static_cast<std::size_t>(options_.min_in_sync);
    if (now_.isr.size() >= enough) now_.elr.clear();
    for (const auto id : before) {
      if (!now_.is_in_sync(id) && now_.isr.size() < enough) now_.elr.push_back(id);
    }
    std::erase_if(now_.elr, [&](BrokerId id) { return now_.is_in_sync(id); });
    publish();
    answer.now = now_;
  }
  return answer;
}

bool ReplicaWorld::may_lead(BrokerId id) { return node(id).is_up() && !node(id).fenced; }

/// Out of the ISR, unless it is the last there; into the ELR where too few are left (KIP-966).
void ReplicaWorld::fence(Node& node) {
  node.fenced = true;
  if (now_.is_in_sync(node.id) && now_.isr.size() > 1) {
    std::erase(now_.isr, node.id);
    if (now_.isr.size() < static_cast<std::size_t>(options_.min_in_sync)) now_.elr.push_back(node.id);
  } else if (now_.leader != node.id) {
    return;
  }
  if (now_.leader == node.id) return elect_somebody();
  now_.partition_epoch = broker::controller::PartitionEpoch{now_.partition_epoch.value() + 1};
  publish();
}

void ReplicaWorld::unfence(Node& node) {
  node.fenced = false;
  if (now_.leader == kNoBroker) elect_somebody();
}

void ReplicaWorld::elect_somebody() {
  for (const auto* candidates : {&now_.isr, &now_.elr}) {
    for (const auto id : *candidates) {
      if (may_lead(id)) return elect(id);
    }
  }
  elect(kNoBroker);
}

void ReplicaWorld::elect(BrokerId leader) {
  if (leader == now_.leader && leader == kNoBroker) return;
  ++elections_;
  if (leader != kNoBroker && !now_.is_in_sync(leader)) {
    for (const auto id : now_.isr) now_.elr.push_back(id);
    std::erase(now_.elr, leader);
    now_.isr = {leader};
  }
  now_.leader = leader;
  now_.leader_epoch = LeaderEpoch{now_.leader_epoch.value() + 1};
  now_.partition_epoch = broker::controller::PartitionEpoch{now_.partition_epoch.value() + 1};
  publish();
}

void ReplicaWorld::step() {
  clock_ += std::chrono::milliseconds{pick(20)};
  pick(80) == 0 ? disturb(any()) : go_on(any());
  for (auto& each : nodes_) look_at(*each);
}

void ReplicaWorld::go_on(Node& node) {
  switch (pick(16)) {
    case 0:
    case 1: return produce(now_.leader == kNoBroker || pick(5) == 0 ? node : this->node(now_.leader));
    case 2:
    case 3: return begin_fetch(node);
    case 4:
    case 5: return serve_fetch(node);
    case 6:
    case 7: return end_fetch(node);
    case 8: return learn(node, false);
    case 9: return sync(node);
    case 10: return tell_progress(node);
    case 11: return take_progress(node);
    case 12: return ask_for_isr(node);
    case 13: return answer_isr(node);
    case 14:
      if (!node.is_up()) return;
      node.partition->check_isr(clock_);
      if (pick(2) == 0) node.checkpointed_high_watermark = node.partition->high_watermark();
      return;
    default:
      if (pick(4) != 0) return;
      return node.is_up() ? unfence(node) : start(node);
  }
}

void ReplicaWorld::disturb(Node& node) {
  switch (pick(6)) {
    case 0:
    case 1:
      if (may_lead(node.id) && now_.is_in_sync(node.id) && now_.leader != node.id) elect(node.id);
      return;
    case 2:
    case 3:
      crash(node);
      if (pick(2) == 0) fence(node);
      return;
    case 4: return fence(node);  // though it may live
    default:
      if (pick(4) == 0) clock_ += kLagMax / 2;
      return lose_messages(node);
  }
}

/// Notes what the log holds now, and what its high watermark makes readable.
void ReplicaWorld::look_at(Node& node) {
  if (!node.is_up()) return;
  const auto& partition = *node.partition;
  auto& log = node.partition->log();
  const auto end = partition.log_end_offset();
  if (static_cast<std::size_t>(end.value()) < node.records.size())
    node.records.resize(static_cast<std::size_t>(end.value()));
  while (node.records.size() < static_cast<std::size_t>(end.value())) {
    const auto slice = log.read(Offset{static_cast<std::int64_t>(node.records.size())}, 1 << 20, end, true);
    REQUIRE((slice.has_value() && !slice->empty()));
    std::vector<std::byte> bytes(slice->size);
    REQUIRE(slice->read(bytes).has_value());
    for (record::BatchWalker walker{bytes}; const auto batch = walker.next();) {
      node.records.resize(static_cast<std::size_t>(batch->next_offset().value()), batch->crc());
    }
  }
  const auto high_watermark = partition.high_watermark();
  if (high_watermark > end && !wrong_)
    wrong_ = fmt::format("broker {}: high watermark beyond the log", node.id.value());
  for (auto offset = Offset{0}; offset < std::min(high_watermark, end); offset = offset + 1) {
    const auto record = node.records[static_cast<std::size_t>(offset.value())];
    const auto [known, is_new] = exposed_.emplace(offset, record);
    if (!is_new && known->second != record && !wrong_) {
      wrong_ = fmt::format("broker {}: another record at offset {} below the high watermark", node.id.value(),
                           offset.value());
    }
  }
  if (!partition.is_leader()) return node.led.reset();
  if (node.led && node.led->first <= partition.leader_epoch() && node.led->second > high_watermark && !wrong_) {
    wrong_ = fmt::format("broker {}: the leader's high watermark went back", node.id.value());
  }
  node.led = {partition.leader_epoch(), high_watermark};
}

std::optional<std::string> ReplicaWorld::find_wrong() {
  if (wrong_) return wrong_;
  return find_lost();
}

/// Whoever may lead has what was acknowledged, and where synced ends count has it synced.
std::optional<std::string> ReplicaWorld::find_lost() {
  if (acknowledged_.empty()) return std::nullopt;
  for (const auto* members : {&now_.isr, &now_.elr}) {
    for (const auto id : *members) {
      auto& holder = node(id);
      if (!holder.is_up()) continue;
      const auto has = options_.synced ? static_cast<std::size_t>(holder.partition->log().synced_end_offset().value())
                                       : holder.records.size();
      for (const auto& [offset, record] : acknowledged_) {
        const auto at = static_cast<std::size_t>(offset.value());
        if (at >= holder.records.size() || holder.records[at] != record)
          return fmt::format("broker {} may lead and lacks offset {}, which was acknowledged", id.value(), at);
        // After a restart what was found is synced once more, before the replica counts again.
        if (at >= has && !holder.wants_sync)
          return fmt::format("broker {} may lead and has not synced offset {}, which was acknowledged", id.value(), at);
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> ReplicaWorld::settle() {
  for (auto& node : nodes_) {
    start(*node);
    unfence(*node);
  }
  for (int round = 0; round < 400; ++round) {
    clock_ += 20ms;
    for (auto& node : nodes_) {
      learn(*node, true);
      begin_fetch(*node);
      serve_fetch(*node);
      end_fetch(*node);
      sync(*node);
      tell_progress(*node);
      while (!node->progress.empty()) take_progress(*node);
      node->partition->check_isr(clock_);
      ask_for_isr(*node);
      answer_isr(*node);
      look_at(*node);
    }
    if (const auto wrong = find_wrong()) return wrong;
    const auto& leader = node(now_.leader);
    const auto end = leader.partition->log_end_offset();
    const bool done = now_.isr.size() == 3 && std::ranges::all_of(nodes_, [&](const auto& node) {
                        return node->records == leader.records && node->partition->high_watermark() == end;
                      });
    if (done) return std::nullopt;
  }
  std::string state = fmt::format("not settled: leader={} isr={}", now_.leader.value(), now_.isr.size());
  for (auto& node : nodes_) {
    state += fmt::format(" {}:{}/{}/{}", node->id.value(), node->partition->high_watermark().value(),
                         node->partition->log().synced_end_offset().value(), node->partition->log_end_offset().value());
  }
  return state;
}

}  // namespace sluice::test
