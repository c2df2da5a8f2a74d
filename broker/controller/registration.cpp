#include <algorithm>
#include <fmt/format.h>
#include <limits>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/features.hpp"
#include "broker/controller/partition_changes.hpp"
#include "broker/controller/request_error.hpp"
#include "protocol/base/clipped.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;

constexpr std::size_t kBrokersMax = 10'000;  // whoever can connect can register, and is remembered

/// The same machine, as far as can be told: a disk may have failed, or one been added.
bool shares_a_directory(const BrokerImage& left, const BrokerImage& right) {
  return std::ranges::any_of(left.directories, [&](const Uuid& id) {
    return std::ranges::find(right.directories, id) != right.directories.end();
  });
}

Refusal refuse(const MetadataImage& image, const RegisterBrokerRequest& request, const Circumstances& is) {
  if (!request.cluster_id.empty() && request.cluster_id != image.cluster_id()) {
    return RequestError{ErrorCode::inconsistent_cluster_id,
                        fmt::format("The broker belongs to cluster {}, and this is cluster {}.",
                                    clipped(request.cluster_id), image.cluster_id())};
  }
  if (request.broker.id.value() < 0) {
    return RequestError{ErrorCode::invalid_request, "A broker's id can't be negative."};
  }
  const auto level = image.feature_level(kMetadataVersion);  // 0: nothing is finalized yet
  if (level != 0 && (level < request.metadata_version_min || level > request.metadata_version_max)) {
    return RequestError{ErrorCode::unsupported_version,
                        fmt::format("The cluster's {} is {}; the broker knows {} to {}.", kMetadataVersion, level,
                                    request.metadata_version_min, request.metadata_version_max)};
  }
  const auto* known = image.find_broker(request.broker.id);
  if (known == nullptr && image.brokers().size() >= kBrokersMax) {
    return RequestError{ErrorCode::invalid_request, fmt::format("There are {} brokers already.", kBrokersMax)};
  }
  if (known == nullptr || known->incarnation == request.broker.incarnation) return std::nullopt;
  if (shares_a_directory(*known, request.broker) || known->in_controlled_shutdown || !is.has_session(known->id)) {
    return std::nullopt;
  }
  return RequestError{ErrorCode::duplicate_broker_registration,
                      fmt::format("Another broker {} with other data directories is alive.", known->id.value())};
}

/// Out of every ISR as when it is fenced. After an unclean shutdown what it had not synced may be gone: it is no longer
/// eligible as one that has everything (KIP-966), and leaves an ISR even as the last one when the ELR has somebody.
/// Whatever its topics' durability: what was appended before a topic came to be `fsync` may not have been synced, and
/// who leaves is back as soon as it has caught up. One whose disks are all new has nothing: where others have copies it
/// leaves even as the last, and nobody leads until one of them is elected uncleanly, or the old disks are back.
std::optional<PartitionChange> leave(const PartitionImage& partition, const BrokerImage& broker, bool is_empty) {
  const bool is_in_sync = partition.is_in_sync(broker.id);
  const bool is_eligible = std::ranges::find(partition.elr, broker.id) != partition.elr.end();
  if (broker.was_shut_down_cleanly || SLUICE_BUG("controller: keeps who lost its tail")) {
    if (!is_in_sync && partition.leader != broker.id) return std::nullopt;
    return PartitionChange{.isr = without_losing_the_last(partition.isr, broker.id)};
  }
  const bool was_last_known = std::ranges::find(partition.last_known_elr, broker.id) != partition.last_known_elr.end();
  if (!is_in_sync && !is_eligible && !(is_empty && was_last_known)) return std::nullopt;
  PartitionChange change{.lost_its_tail = broker.id, .lost_everything = is_empty};
  if (is_empty && partition.replicas.size() > 1) {
    change.isr = without(partition.isr, broker.id);
    return change;
  }
  const bool others_are_eligible = partition.elr.size() > (is_eligible ? 1U : 0U);
  change.isr =
      others_are_eligible ? without(partition.isr, broker.id) : without_losing_the_last(partition.isr, broker.id);
  // The only one that can go on: but where there are others that copied from it, it may have less than was
  // acknowledged.
  if (is_in_sync && change.isr->size() == 1 && change.isr->front() == broker.id && partition.replicas.size() > 1) {
    change.recovery = LeaderRecovery::recovering;
  }
  return change;
}

}  // namespace

Decision<RegisterBrokerResponse> ClusterState::handle(const RegisterBrokerRequest& request,
                                                      const Circumstances& is) const {
  Decision<RegisterBrokerResponse> decision;
  if (auto refusal = refuse(image_, request, is)) {
    decision.response.error_code = refusal->code;
    decision.response.error_message = std::move(refusal->message);
    return decision;
  }
  const auto* known = image_.find_broker(request.broker.id);
  auto broker = request.broker;
  std::ranges::sort(broker.directories);
  broker.capacity = std::max(1, broker.capacity);
  if (known != nullptr && known->incarnation == broker.incarnation) {
    // The same process, which did not get its answer: it is who it was.
    broker.epoch = known->epoch;
    broker.fenced = known->fenced;
    broker.in_controlled_shutdown = known->in_controlled_shutdown;
    decision.response.epoch = known->epoch;
    if (broker != *known) decision.records.emplace_back(BrokerRecord{std::move(broker)});
    return decision;
  }
  // A disk that is there no more took with it what was on it: a wiped one is not the one that was in sync.
  if (known != nullptr && !std::ranges::includes(broker.directories, known->directories)) {
    broker.was_shut_down_cleanly = false;
  }
  broker.epoch = kNoBrokerEpoch;
  broker.fenced = true;
  broker.in_controlled_shutdown = false;
  if (broker.id >= image_.next_node_id() && broker.id.value() < std::numeric_limits<std::int32_t>::max()) {
    decision.records.emplace_back(NodeIdsRecord{BrokerId{broker.id.value() + 1}});
  }
  const bool is_empty = known != nullptr && !known->directories.empty() && !shares_a_directory(*known, broker);
  const TopicRules rules{image_, effective_config(), {.broker = broker.id, .is_active = false}};
  change_partitions(
      image_, rules, [&](const PartitionImage& partition) { return leave(partition, broker, is_empty); },
      std::numeric_limits<std::size_t>::max(), decision.records);
  // Last: should only the first commands be committed, the broker is not registered, and asks again.
  decision.records.emplace_back(BrokerRecord{std::move(broker)});
  return decision;
}

std::vector<MetadataRecord> ClusterState::found_cluster(const std::string& cluster_id) const {
  std::vector<MetadataRecord> records{ClusterRecord{cluster_id}};
  for (const auto& feature : known_features()) {
    records.emplace_back(FeatureRecord{std::string{feature.name}, feature.level_at_start});
  }
  return records;
}

}  // namespace sluice::broker::controller
