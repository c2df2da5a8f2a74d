#include "tests/sim/invariants/replica_watch.hpp"

#include <algorithm>

#include "protocol/record/batch_view.hpp"
#include "tests/sim/node/node.hpp"

namespace sluice::sim {

using broker::config::Durability;

namespace {

/// What the watch reads spends none of the faults that are planned for the node.
class Onlooker {
 public:
  explicit Onlooker(Node& node) : disk_(node.disk()) { disk_.suspend_faults(true); }
  ~Onlooker() { disk_.suspend_faults(false); }
  Onlooker(const Onlooker&) = delete;
  Onlooker& operator=(const Onlooker&) = delete;

 private:
  storage::MemoryFileSystem& disk_;
};

}  // namespace

Offset ReplicaWatch::durable_end(const Partition& partition) const {
  auto& log = const_cast<Partition&>(partition).log();
  return durability_ == Durability::fsync ? log.synced_end_offset() : log.log_end_offset();
}

void ReplicaWatch::check(Node& node) {
  if (!node.is_up() || node.has_stopped_dead()) return;
  auto& replicas = node.process().replicas();
  if (!replicas.take_touched()) return;
  const Onlooker onlooker{node};
  replicas.for_each([&](const std::shared_ptr<Partition>& partition) {
    auto& model = models_[{partition->topic_id(), partition->name().partition}];
    if (model.name.empty()) model.name = partition->name().to_string();
    check(node, model, *partition);
  });
}

void ReplicaWatch::check(Node& node, Model& model, Partition& partition) {
  auto& seen = model.seen[node.id()];
  const bool lossy = is_lossy(partition.topic_id());
  const auto mark = partition.high_watermark();
  const auto epoch = partition.leader_epoch();
  const bool leads = partition.is_leader();
  // A leader goes on committing what it had written before its log alone went offline.
  if (partition.log().is_offline() && (!leads || partition.log().is_directory_offline())) return;
  const auto end = partition.log_end_offset();
  require(partition.log_start_offset() <= mark && mark <= end, "log start <= high watermark <= log end", node.id(),
          model.name, partition.log_start_offset(), mark, end);
  const bool goes_on = seen.life == &partition && seen.led && seen.epoch == epoch;
  if (leads && !goes_on) check_new_leader(node, model, partition, lossy);
  if (leads && goes_on) {
    require(mark >= seen.high_watermark, "a leader's high watermark never goes back", node.id(), model.name, mark,
            seen.high_watermark);
  }
  // Where loss is allowed, one that was deposed and does not know commits what nobody else has.
  const bool is_newest = model.leaders.empty() || model.leaders.rbegin()->first <= epoch;
  if (leads && mark > model.end && (!lossy || is_newest)) commit(node, model, partition, mark, lossy);
  if (!lossy) {
    require(mark <= model.end || node.has_stopped_dead(), "nobody is ahead of what was committed", node.id(),
            model.name, mark, model.end);
    const auto from = seen.life == &partition && mark >= seen.high_watermark ? seen.high_watermark : mark;
    if (mark > from)
      compare(node.id(), model, partition, std::max(from, Offset{0}), mark, "logs match below the high watermark");
  }
  // A log that was just opened does not know how much of it was synced in the life before.
  const auto now_durable = std::max(durable_end(partition), std::min(seen.durable_end, end));
  if (seen.tainted && now_durable >= model.end) seen.tainted = false;
  seen = {.life = &partition,
          .epoch = epoch,
          .led = leads,
          .high_watermark = mark,
          .durable_end = now_durable,
          .tainted = seen.tainted,
          .is_back = seen.is_back,
          .waiting = seen.waiting};
  require(leads || seen.waiting == 0, "who does not lead any more tells those who wait", node.id(), model.name,
          seen.waiting);
}

void ReplicaWatch::check_new_leader(Node& node, Model& model, Partition& partition, bool lossy) {
  ++elections_;
  const auto known = model.leaders.try_emplace(partition.leader_epoch(), node.id()).first;
  require(known->second == node.id(), "one leader an epoch", model.name, partition.leader_epoch(), node.id(),
          known->second);
  if (lossy) return forget_what_is_lost(model, partition);
  // One that was deposed before it heard of its election may lack what its successors committed.
  if (model.leaders.rbegin()->first > partition.leader_epoch()) return;
  require(partition.log_end_offset() >= model.end, "a leader has everything that was committed (leader completeness)",
          node.id(), model.name, partition.leader_epoch(), partition.log_end_offset(), model.end);
  const auto from = model.committed.size() > 20 ? model.committed[model.committed.size() - 20].base : Offset{0};
  compare(node.id(), model, partition, std::max(from, partition.log_start_offset()), model.end,
          "a leader has what was committed as it was (leader completeness)");
}

/// What a new leader does not have, or has otherwise, is lost, for all.
void ReplicaWatch::forget_what_is_lost(Model& model, const Partition& partition) {
  if (model.leaders.rbegin()->first > partition.leader_epoch()) return;
  const auto has = batches(partition, partition.log_start_offset(), std::min(model.end, partition.log_end_offset()));
  if (!has) return;
  auto same = partition.log_start_offset();
  auto known = std::ranges::upper_bound(model.committed, same, {}, &Batch::next);
  for (const auto& batch : *has) {
    if (known == model.committed.end() || *known != batch) break;
    same = batch.next;
    ++known;
  }
  if (same >= model.end) return;
  model.end = same;
  std::erase_if(model.committed, [&](const Batch& batch) { return batch.next > same; });
}

void ReplicaWatch::commit(Node& node, Model& model, Partition& partition, Offset to, bool lossy) {
  if (!lossy) {
    check_members_have(node, model, partition, to, "all of ISR and ELR have what is below the high watermark");
  }
  const auto news = batches(partition, std::max(model.end, partition.log_start_offset()), to);
  if (!news) return;
  for (const auto& batch : *news) {
    model.committed.push_back(batch);
    ++batches_;
  }
  model.end = to;
}

void ReplicaWatch::check_members_have(Node& node, const Model& model, const Partition& partition, Offset end,
                                      const char* promise) const {
  const auto* topic = metadata_.latest().find_topic(partition.topic_id());
  const auto* image = topic == nullptr ? nullptr : topic->find_partition(partition.name().partition);
  if (image == nullptr) return;
  const auto check_member = [&](BrokerId member) {
    const auto seen = model.seen.find(member.value());
    if (seen == model.seen.end() || seen->second.tainted) return;
    const auto has = member == node.broker_id() ? durable_end(partition) : seen->second.durable_end;
    require(has >= end, promise, model.name, "leader", node.id(), "epoch", partition.leader_epoch(), "member", member,
            "has", has, "of", end, "image epoch", image->leader_epoch, "partition epoch", image->partition_epoch);
  };
  for (const auto member : image->isr) check_member(member);
  for (const auto member : image->elr) check_member(member);
  const auto enough =
      std::min(image->replicas.size(), static_cast<std::size_t>(partition.settings()->min_insync_replicas));
  const bool is_present = image->leader == node.broker_id() && image->leader_epoch == partition.leader_epoch();
  if (is_present && end > model.end) {
    const auto known = partition.isr().size();
    require(known >= enough, "the high watermark waits for min.insync.replicas", model.name, known, enough);
  }
}

void ReplicaWatch::check_acknowledged(Node& node, const Partition& partition, Offset end) {
  if (is_lossy(partition.topic_id())) return;
  const auto& model = models_[{partition.topic_id(), partition.name().partition}];
  require(partition.high_watermark() >= end, "what is acknowledged is below the high watermark", node.id(), model.name,
          partition.high_watermark(), end);
  check_members_have(node, model, partition, end, "all of ISR and ELR have what is acknowledged");
}

void ReplicaWatch::note_waiting(Node& node, const Partition& partition) {
  ++models_[{partition.topic_id(), partition.name().partition}].seen[node.id()].waiting;
}

void ReplicaWatch::note_answered(Node& node, const Partition& partition) {
  auto& waiting = models_[{partition.topic_id(), partition.name().partition}].seen[node.id()].waiting;
  waiting = std::max(0, waiting - 1);
}

void ReplicaWatch::check_metadata(std::span<const broker::controller::MetadataRecord> records) {
  for (const auto& record : records) {
    const auto* broker = std::get_if<broker::controller::BrokerRecord>(&record);
    if (broker != nullptr && broker->broker.epoch == broker::controller::kNoBrokerEpoch) {
      note_registered(broker->broker.id.value());
    }
  }
  for (const auto& record : records) {
    const auto* changed = std::get_if<broker::controller::PartitionRecord>(&record);
    if (changed == nullptr || is_lossy(changed->topic_id)) continue;
    const auto found = models_.find({changed->topic_id, changed->partition.partition});
    if (found == models_.end()) continue;
    const auto& now = changed->partition;
    const auto has_all = [&](BrokerId member) {
      const auto seen = found->second.seen.find(member.value());
      if (seen == found->second.seen.end() || seen->second.tainted) return;
      require(seen->second.durable_end >= found->second.end, "who joins the ISR or the ELR has everything",
              found->second.name, "member", member, "has", seen->second.durable_end, "of", found->second.end, "epoch",
              now.leader_epoch, "partition epoch", now.partition_epoch);
    };
    std::ranges::for_each(now.isr, has_all);
    std::ranges::for_each(now.elr, has_all);
    for (auto& [node, seen] : found->second.seen) {
      const bool counts = now.is_in_sync(BrokerId{node}) || std::ranges::find(now.elr, BrokerId{node}) != now.elr.end();
      if (seen.is_back && !counts) seen.tainted = seen.is_back = false;
    }
  }
}

/// What it lost it is no longer relied on for, once the metadata have it out of what it was in.
void ReplicaWatch::note_registered(HostId node) {
  for (auto& [key, model] : models_) {
    const auto found = model.seen.find(node);
    if (found == model.seen.end() || !found->second.tainted) continue;
    const auto* topic = metadata_.latest().find_topic(key.topic_id);
    const auto* image = topic == nullptr ? nullptr : topic->find_partition(key.partition);
    const bool counts = image != nullptr && (image->is_in_sync(BrokerId{node}) ||
                                             std::ranges::find(image->elr, BrokerId{node}) != image->elr.end());
    found->second.is_back = counts;
    found->second.tainted = counts;
  }
}

void ReplicaWatch::note_down(Node& node, bool loses_unsynced) {
  if (!node.is_up()) return;
  // Also of what its process has closed already.
  for (auto& [key, model] : models_) {
    const auto found = model.seen.find(node.id());
    if (found == model.seen.end()) continue;
    found->second.life = nullptr;
    found->second.led = false;
    found->second.waiting = 0;
  }
  node.process().replicas().for_each([&](const std::shared_ptr<Partition>& partition) {
    auto& seen = models_[{partition->topic_id(), partition->name().partition}].seen[node.id()];
    const bool is_os = durability_ == Durability::os;
    if (is_os && loses_unsynced) {
      seen.tainted = true;  // Atlas has seen to it that another has everything
      seen.is_back = false;
    }
    if (partition->log().is_offline()) return;
    seen.durable_end = is_os && !loses_unsynced ? partition->log_end_offset() : partition->log().synced_end_offset();
  });
}

void ReplicaWatch::note_wiped(HostId node) {
  for (auto& [key, model] : models_) {
    const auto seen = model.seen.find(node);
    if (seen == model.seen.end()) continue;
    seen->second = {.tainted = true};
  }
}

/// nullopt: the disk fails.
std::optional<std::vector<ReplicaWatch::Batch>> ReplicaWatch::batches(const Partition& partition, Offset from,
                                                                      Offset to) {
  std::vector<Batch> found;
  auto& log = const_cast<Partition&>(partition).log();
  while (from < to) {
    const auto slice = log.read(from, 1U << 20, to, true);
    if (!slice) return std::nullopt;
    if (slice->empty()) break;
    std::vector<std::byte> bytes(slice->size);
    if (!slice->read(bytes)) return std::nullopt;
    for (record::BatchWalker walker{bytes}; const auto batch = walker.next();) {
      if (batch->next_offset() <= from) continue;
      found.push_back({batch->base_offset(), batch->next_offset(), batch->partition_leader_epoch(), batch->crc()});
      from = batch->next_offset();
    }
  }
  return found;
}

void ReplicaWatch::compare(HostId node, const Model& model, const Partition& partition, Offset from, Offset to,
                           const char* promise) const {
  if (!const_cast<Partition&>(partition).log().damage().empty()) return;
  const auto read = batches(partition, from, to);
  if (!read) return;
  auto known = std::ranges::upper_bound(model.committed, from, {}, &Batch::next);
  for (const auto& batch : *read) {
    if (batch.next > to) break;
    require(known != model.committed.end() && *known == batch, promise, node, model.name, "at", batch.base, "epoch",
            batch.epoch, "crc", batch.crc, "committed", known == model.committed.end() ? kNoOffset : known->base,
            known == model.committed.end() ? kNoLeaderEpoch : known->epoch);
    ++known;
    from = batch.next;
  }
  require(from >= to, promise, node, model.name, "ends at", from, "of", to);
}

Offset ReplicaWatch::committed_end(const PartitionKey& key) const {
  const auto found = models_.find(key);
  return found == models_.end() ? Offset{0} : found->second.end;
}

void ReplicaWatch::check_replicas_agree(const std::vector<Node*>& nodes) const {
  for (auto* node : nodes) {
    const Onlooker onlooker{*node};
    node->process().replicas().for_each([&](const std::shared_ptr<Partition>& partition) {
      const auto found = models_.find({partition->topic_id(), partition->name().partition});
      if (found == models_.end() || partition->high_watermark() < found->second.end) return;
      compare(node->id(), found->second, *partition, partition->log_start_offset(), found->second.end,
              "replicas are byte for byte the same");
    });
  }
}

}  // namespace sluice::sim
