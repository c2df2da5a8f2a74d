#include "tests/sim/invariants/metadata_watch.hpp"

#include <algorithm>
#include <sstream>

namespace sluice::sim {

using namespace broker::controller;
using broker::raft::LogIndex;

namespace {

constexpr std::size_t kImagesKept = 2000;

bool has(const std::vector<BrokerId>& ids, BrokerId id) { return std::ranges::find(ids, id) != ids.end(); }

bool has_duplicates(std::vector<BrokerId> ids) {
  std::ranges::sort(ids);
  return std::ranges::adjacent_find(ids) != ids.end();
}

/// In a few words, what two images do not agree on.
std::string difference(const MetadataImage& left, const MetadataImage& right) {
  std::ostringstream out;
  if (left.version() != right.version()) out << "versions " << left.version() << ' ' << right.version() << "; ";
  if (left.cluster_id() != right.cluster_id()) out << "cluster ids; ";
  if (left.next_producer_id() != right.next_producer_id()) out << "producer ids; ";
  if (left.next_node_id() != right.next_node_id()) out << "node ids; ";
  if (left.features() != right.features()) out << "features; ";
  if (left.topic_count() != right.topic_count()) out << "topics; ";
  for (const auto& broker : left.brokers()) {
    const auto* other = right.find_broker(broker.id);
    if (other == nullptr || !(*other == broker)) out << "broker " << broker.id << "; ";
  }
  left.for_each_topic([&](const TopicImage& topic) {
    const auto* other = right.find_topic(topic.id);
    if (other != nullptr && *other == topic) return;
    out << "topic " << topic.name;
    if (other == nullptr) return;
    if (other->configs != topic.configs) out << " configs";
    if (other->internal != topic.internal) out << " internal";
    for (std::size_t i = 0; i < std::min(topic.partitions.size(), other->partitions.size()); ++i) {
      const auto& one = topic.partitions[i];
      const auto& two = other->partitions[i];
      if (one == two) continue;
      out << " partition " << i << " leaders " << one.leader << ' ' << two.leader << " epochs " << one.leader_epoch
          << ' ' << two.leader_epoch << " partition epochs " << one.partition_epoch << ' ' << two.partition_epoch
          << " isr " << one.isr.size() << ' ' << two.isr.size() << " elr " << one.elr.size() << ' ' << two.elr.size()
          << " last known " << one.last_known_elr.size() << ' ' << two.last_known_elr.size();
    }
    out << "; ";
  });
  return out.str();
}

}  // namespace

void MetadataWatch::compare(HostId node, LogIndex index, const Image& image) {
  const auto known = images_.find(index);
  if (known != images_.end()) {
    if (known->second == image) return;
    require(false, "images of one version are equal", node, index, difference(known->second, image));
    return;
  }
  images_.emplace(index, image);
  if (images_.size() > kImagesKept) images_.erase(images_.begin());
}

bool MetadataWatch::check_applied(HostId node, LogIndex index, std::span<const MetadataRecord> records,
                                  const ClusterState& state) {
  compare(node, index, state.image());
  if (index <= latest_index_) return false;
  check_first(index, records, state.image());
  latest_ = state.image();
  latest_index_ = index;
  return true;
}

void MetadataWatch::check_restored(HostId node, LogIndex index, const ClusterState& state) {
  const auto known = images_.find(index);
  if (known != images_.end())
    require(known->second == state.image(), "a snapshot gives the image of its index", node, index);
}

void MetadataWatch::check_first(LogIndex index, std::span<const MetadataRecord> records, const Image& after) {
  for (const auto& record : records) {
    if (const auto* broker = std::get_if<BrokerRecord>(&record)) {
      const auto* now = after.find_broker(broker->broker.id);
      const auto* before = latest_.find_broker(broker->broker.id);
      if (now == nullptr) continue;
      require(before == nullptr || now->epoch >= before->epoch, "broker epochs grow", index, now->id, now->epoch);
      if (broker->broker.epoch == kNoBrokerEpoch) check_registered(*now, after);
    }
    if (const auto* partition = std::get_if<PartitionRecord>(&record)) {
      const auto* topic = after.find_topic(partition->topic_id);
      if (topic == nullptr) continue;
      const auto* now = topic->find_partition(partition->partition.partition);
      if (now != nullptr) check_partition(*topic, *now, after);
      const auto* topic_before = latest_.find_topic(topic->id);
      const auto* before = topic_before == nullptr ? nullptr : topic_before->find_partition(now->partition);
      if (before != nullptr) check_leaving(*topic, *before, *now, records);
    }
  }
}

/// KIP-966: whoever may have lost its tail is not relied on, unless there is nobody else.
void MetadataWatch::check_registered(const BrokerImage& broker, const Image& after) const {
  if (broker.was_shut_down_cleanly) return;
  after.for_each_topic([&](const TopicImage& topic) {
    for (const auto& partition : topic.partitions) {
      require(!has(partition.elr, broker.id) && (!partition.is_in_sync(broker.id) || partition.isr.size() == 1),
              "who lost its tail is neither in sync nor eligible (KIP-966)", broker.id, topic.name,
              partition.partition);
    }
  });
}

/// KIP-966: who leaves an ISR that is, or gets, too small can still be elected, unless it comes back without its tail.
void MetadataWatch::check_leaving(const TopicImage& topic, const PartitionImage& before, const PartitionImage& now,
                                  std::span<const MetadataRecord> records) const {
  const auto registers = [&](BrokerId id) {
    return std::ranges::any_of(records, [&](const MetadataRecord& record) {
      const auto* broker = std::get_if<BrokerRecord>(&record);
      return broker != nullptr && broker->broker.id == id && broker->broker.epoch == kNoBrokerEpoch;
    });
  };
  require(!now.isr.empty() || before.isr.empty() || std::ranges::any_of(before.isr, registers),
          "an ISR loses its last member only with its disk", topic.name, now.partition, now.partition_epoch);
  const bool is_clean = now.leader == kNoBroker || before.is_in_sync(now.leader) || has(before.elr, now.leader);
  if (!is_clean || now.isr.size() >= enough(topic, now) || now.recovery == LeaderRecovery::recovering) return;
  const auto stays = [&](BrokerId id) {
    return !now.has_replica(id) || now.is_in_sync(id) || has(now.elr, id) || registers(id);
  };
  require(std::ranges::all_of(before.isr, stays) && std::ranges::all_of(before.elr, stays),
          "who leaves an ISR that is too small stays eligible (KIP-966)", topic.name, now.partition,
          now.partition_epoch);
}

std::size_t MetadataWatch::enough(const TopicImage& topic, const PartitionImage& partition) const {
  const auto configured = topic.configs.find("min.insync.replicas");
  const auto min = configured == topic.configs.end() ? min_in_sync_ : std::stoi(configured->second);
  return std::min<std::size_t>(static_cast<std::size_t>(min), partition.replicas.size());
}

void MetadataWatch::check_partition(const TopicImage& topic, const PartitionImage& now, const Image& after) {
  const auto tell = [&](bool condition, const char* promise) {
    require(condition, promise, topic.name, now.partition, "leader", now.leader, "epoch", now.leader_epoch, "isr",
            now.isr.size(), "elr", now.elr.size());
  };
  tell(now.leader == kNoBroker || now.is_in_sync(now.leader), "the leader is in the ISR");
  tell(!has_duplicates(now.isr) && !has_duplicates(now.elr) && !has_duplicates(now.replicas), "sets have no repeats");
  tell(std::ranges::all_of(now.isr, [&](BrokerId id) { return now.has_replica(id); }), "the ISR are replicas");
  tell(std::ranges::all_of(now.elr, [&](BrokerId id) { return now.has_replica(id); }), "the ELR are replicas");
  tell(std::ranges::none_of(now.isr, [&](BrokerId id) { return has(now.elr, id); }),
       "ISR and ELR have nobody in common");
  tell(now.isr.size() < enough(topic, now) || now.elr.empty(), "with enough in sync there is no ELR");
  const auto* leader = after.find_broker(now.leader);
  tell(now.leader == kNoBroker || (leader != nullptr && !leader->fenced), "a leader is not fenced");

  const auto* topic_before = latest_.find_topic(topic.id);
  const auto* before = topic_before == nullptr ? nullptr : topic_before->find_partition(now.partition);
  if (before == nullptr) return;
  tell(now == *before || now.partition_epoch > before->partition_epoch, "partition epochs grow with every change");
  tell(now.leader_epoch >= before->leader_epoch, "leader epochs never go back");
  tell(now.leader == before->leader || now.leader_epoch > before->leader_epoch, "another leader has another epoch");
  if (now.leader == kNoBroker || now.leader == before->leader) return;
  // A leader that leaves, and may take nobody's place any more, can still take another one in: who leads at once then.
  const bool was_taken_in = before->leader != kNoBroker && now.isr.size() > before->isr.size() &&
                            std::ranges::all_of(before->isr, [&](BrokerId id) { return now.is_in_sync(id); });
  const bool is_clean = before->is_in_sync(now.leader) || has(before->elr, now.leader) || was_taken_in;
  if (!is_clean) ++unclean_elections_;
  const auto unclean = topic.configs.find("unclean.leader.election.enable");
  const bool may_be_unclean = unclean != topic.configs.end() && unclean->second == "true";
  tell(is_clean || may_be_unclean || now.recovery == LeaderRecovery::recovering ||
           has(before->last_known_elr, now.leader),
       "leaders come from the ISR or the ELR");
}

void MetadataWatch::check_producer_ids(std::int64_t first, std::int64_t count) {
  const auto next = producer_ids_.lower_bound(first);
  require(next == producer_ids_.end() || next->first >= first + count, "producer ids are given once", first, count);
  require(next == producer_ids_.begin() || std::prev(next)->second <= first, "producer ids are given once", first,
          count);
  producer_ids_[first] = first + count;
}

}  // namespace sluice::sim
