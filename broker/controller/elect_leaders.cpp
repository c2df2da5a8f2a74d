#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/partition_changes.hpp"
#include "broker/controller/request_error.hpp"
#include "protocol/base/clipped.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ElectLeadersRequest;
using protocol::ElectLeadersResponse;
using protocol::ErrorCode;
using TopicResult = ElectLeadersResponse::ReplicaElectionResult;

enum class ElectionType : std::int8_t { preferred = 0, unclean = 1 };

/// One ElectLeaders request on its way through (KIP-460).
class Election {
 public:
  Election(const TopicRules& rules, ElectionType type, std::vector<MetadataRecord>& records)
      : rules_(rules), type_(type), records_(records) {}

  Refusal elect(const TopicImage& topic, const PartitionImage& partition);

 private:
  const TopicRules& rules_;
  const ElectionType type_;
  std::vector<MetadataRecord>& records_;
};

Refusal Election::elect(const TopicImage& topic, const PartitionImage& partition) {
  const bool wants_first = type_ == ElectionType::preferred;
  if (wants_first ? partition.leader == partition.replicas.front() : partition.leader != kNoBroker) {
    return RequestError{ErrorCode::election_not_needed, "The partition has the leader that is asked for."};
  }
  auto rules = rules_.of(topic);
  rules.allows_unclean = !wants_first;
  auto next = next_partition(partition, {.prefers_first = wants_first}, rules);
  if (wants_first && (!next || next->leader != partition.replicas.front())) {
    return RequestError{
        ErrorCode::preferred_leader_not_available,
        fmt::format("Broker {}, the first replica, is not in sync or not active.", partition.replicas.front().value())};
  }
  if (!next || next->leader == kNoBroker) {
    return RequestError{ErrorCode::eligible_leaders_not_available, "No replica is active."};
  }
  records_.emplace_back(PartitionRecord{topic.id, *std::move(next)});
  return std::nullopt;
}

void append(TopicResult& to, PartitionId partition, Refusal refusal) {
  auto& result = to.partition_result.emplace_back();
  result.partition_id = partition;
  result.error_code = refusal ? refusal->code : ErrorCode::none;
  result.error_message = refusal ? std::optional{std::move(refusal->message)} : std::nullopt;
}

}  // namespace

Decision<ElectLeadersResponse> ClusterState::handle(const ElectLeadersRequest& request) const {
  Decision<ElectLeadersResponse> decision;
  auto& results = decision.response.replica_election_results;
  const auto type = static_cast<ElectionType>(request.election_type);
  if (type != ElectionType::preferred && type != ElectionType::unclean) {
    decision.response.error_code = ErrorCode::invalid_request;
    return decision;
  }
  const TopicRules rules{image_, effective_config()};
  Election election{rules, type, decision.records};
  if (!request.topic_partitions) {
    // All: those that have the leader that is asked for are not told of.
    image_.for_each_topic([&](const TopicImage& topic) {
      TopicResult result{.topic = topic.name};
      for (const auto& partition : topic.partitions) {
        auto refusal = election.elect(topic, partition);
        if (refusal && refusal->code == ErrorCode::election_not_needed) continue;
        append(result, partition.partition, std::move(refusal));
      }
      if (!result.partition_result.empty()) results.push_back(std::move(result));
    });
    return decision;
  }
  std::map<std::pair<std::string_view, PartitionId>, int> times_named;
  for (const auto& topic : *request.topic_partitions) {
    for (const auto partition : topic.partitions) ++times_named[{topic.topic, partition}];
  }
  for (const auto& asked : *request.topic_partitions) {
    auto& result = results.emplace_back();
    result.topic = asked.topic;
    const auto* topic = image_.find_topic(asked.topic);
    for (const auto id : asked.partitions) {
      const auto* partition = topic == nullptr ? nullptr : topic->find_partition(id);
      if (partition == nullptr) {
        append(result, id,
               RequestError{ErrorCode::unknown_topic_or_partition,
                            fmt::format("There is no partition {} of topic '{}'.", id.value(), clipped(asked.topic))});
      } else if (times_named[{asked.topic, id}] > 1) {
        append(result, id,
               RequestError{ErrorCode::invalid_request, "The request names this partition more than once."});
      } else {
        append(result, id, election.elect(*topic, *partition));
      }
    }
  }
  return decision;
}

std::vector<MetadataRecord> ClusterState::balance_leaders(int imbalance_percent, std::size_t max) const {
  struct Share {
    std::int64_t preferred = 0;  // partitions that have it first
    std::int64_t missing = 0;    // of those, led by another
  };
  std::map<BrokerId, Share> shares;
  image_.for_each_topic([&](const TopicImage& topic) {
    for (const auto& partition : topic.partitions) {
      auto& share = shares[partition.replicas.front()];
      ++share.preferred;
      if (partition.leader != partition.replicas.front()) ++share.missing;
    }
  });
  std::erase_if(shares,
                [&](const auto& one) { return one.second.missing * 100 <= one.second.preferred * imbalance_percent; });
  std::vector<MetadataRecord> records;
  if (shares.empty()) return records;
  const auto may_lead = active_brokers(image_);
  const TopicRules rules{image_, effective_config()};
  const auto back = [&](const PartitionImage& partition) -> std::optional<PartitionChange> {
    const auto first = partition.replicas.front();
    if (partition.leader == first || !shares.contains(first)) return std::nullopt;
    if (!partition.is_in_sync(first) || !may_lead(first)) return std::nullopt;
    return PartitionChange{.prefers_first = true};
  };
  change_partitions(image_, rules, back, max, records);
  return records;
}

}  // namespace sluice::broker::controller
