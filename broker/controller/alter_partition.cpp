#include <algorithm>
#include <set>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/partition_changes.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;
using Change = AlterPartitionRequest::Change;
using Member = AlterPartitionRequest::Member;

/// KIP-497: the change must be of the one who leads, in the epochs that hold.
ErrorCode judge_epochs(const PartitionImage& partition, const Change& change, BrokerId from) {
  if (SLUICE_BUG("controller: takes a stale ISR change")) return ErrorCode::none;
  if (change.leader_epoch > partition.leader_epoch || change.partition_epoch > partition.partition_epoch) {
    return ErrorCode::not_controller;  // the broker has seen another controller's decisions: not the newest one here
  }
  if (change.leader_epoch < partition.leader_epoch) return ErrorCode::fenced_leader_epoch;
  if (from != partition.leader) return ErrorCode::not_leader_or_follower;
  if (change.partition_epoch < partition.partition_epoch) return ErrorCode::invalid_update_version;
  return ErrorCode::none;
}

ErrorCode judge_members(const PartitionImage& partition, const Change& change, BrokerId from) {
  std::set<BrokerId> ids;
  for (const auto& member : change.isr) {
    if (!ids.insert(member.id).second || !partition.has_replica(member.id)) return ErrorCode::invalid_request;
  }
  if (!ids.contains(from)) return ErrorCode::invalid_request;
  // A leader that came to be without having everything is alone until it says that it is done.
  const bool recovering = change.recovery == LeaderRecovery::recovering;
  if (recovering && (change.isr.size() > 1 || partition.recovery == LeaderRecovery::recovered)) {
    return ErrorCode::invalid_request;
  }
  return ErrorCode::none;
}

/// KIP-841, KIP-903: nobody joins who is fenced, leaves, or fetched in a life before this one.
bool is_eligible(const MetadataImage& image, const Member& member) {
  const auto* broker = image.find_broker(member.id);
  if (broker == nullptr || !broker->is_active()) return false;
  return member.epoch == kNoBrokerEpoch || member.epoch == broker->epoch ||
         SLUICE_BUG("controller: admits a replica of a life before");
}

/// In the order of the replicas, so that equal sets are equal.
std::vector<BrokerId> isr_of(const PartitionImage& partition, const Change& change) {
  std::vector<BrokerId> isr;
  for (const auto id : partition.replicas) {
    if (std::ranges::find(change.isr, id, &Member::id) != change.isr.end()) isr.push_back(id);
  }
  return isr;
}

bool is_same_set(std::vector<BrokerId> left, std::vector<BrokerId> right) {
  std::ranges::sort(left);
  std::ranges::sort(right);
  return left == right;
}

}  // namespace

Decision<AlterPartitionResponse> ClusterState::handle(const AlterPartitionRequest& request) const {
  Decision<AlterPartitionResponse> decision;
  const auto* broker = image_.find_broker(request.broker);
  if (broker == nullptr || broker->epoch != request.broker_epoch) {
    decision.response.error_code = ErrorCode::stale_broker_epoch;
    return decision;
  }
  const TopicRules rules{image_, effective_config()};
  std::set<std::pair<Uuid, PartitionId>> named;
  for (const auto& change : request.changes) {
    auto& item = decision.response.items.emplace_back();
    item.topic_id = change.topic_id;
    item.partition = change.partition;
    const auto* topic = image_.find_topic(change.topic_id);
    const auto* partition = topic == nullptr ? nullptr : topic->find_partition(change.partition);
    if (partition == nullptr) {
      item.error_code = ErrorCode::unknown_topic_id;
      continue;
    }
    item.error_code = judge_epochs(*partition, change, request.broker);
    if (item.error_code == ErrorCode::none) item.error_code = judge_members(*partition, change, request.broker);
    if (item.error_code == ErrorCode::none && !named.emplace(change.topic_id, change.partition).second) {
      item.error_code = ErrorCode::invalid_request;
    }
    if (item.error_code == ErrorCode::none && !std::ranges::all_of(change.isr, [&](const Member& member) {
          return member.id == request.broker || is_eligible(image_, member);
        })) {
      item.error_code = ErrorCode::ineligible_replica;
    }
    if (item.error_code != ErrorCode::none) continue;

    auto isr = isr_of(*partition, change);
    if (is_same_set(isr, partition->isr)) isr = partition->isr;
    auto next = next_partition(*partition, {.isr = std::move(isr), .recovery = change.recovery}, rules.of(*topic));
    item.now = next ? *next : *partition;
    if (next) decision.records.emplace_back(PartitionRecord{topic->id, *std::move(next)});
  }
  return decision;
}

}  // namespace sluice::broker::controller
