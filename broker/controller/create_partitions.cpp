#include <fmt/format.h>
#include <map>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/partition_plan.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::CreatePartitionsRequest;
using protocol::CreatePartitionsResponse;
using protocol::ErrorCode;
using Topic = CreatePartitionsRequest::CreatePartitionsTopic;

/// The partitions that `request` adds to `topic`, or why not.
Refusal plan_partitions(const MetadataImage& image, const TopicImage& topic, const Topic& request,
                        std::int64_t new_partitions_max, std::vector<PartitionRecord>& plan) {
  const auto current = static_cast<std::int32_t>(topic.partitions.size());
  if (request.count <= current) {
    return RequestError{
        ErrorCode::invalid_partitions,
        fmt::format("Topic '{}' has {} partitions; their number can only grow, and {} would not be more.", topic.name,
                    current, request.count)};
  }
  if (topic.internal) {
    // Kafka grows these topics too. But what they keep is found by a hash of its key modulo the number of partitions,
    // so that most groups (and transactions) would be looked for where they are not, and their offsets be lost.
    return RequestError{
        ErrorCode::invalid_partitions,
        fmt::format("Topic '{}' is internal: with another number of partitions what it keeps would not be found again.",
                    topic.name)};
  }
  const std::int32_t added = request.count - current;
  if (added > new_partitions_max) {
    return RequestError{ErrorCode::policy_violation,
                        fmt::format("One request may create at most {} partitions.", kNewPartitionsMax)};
  }
  const auto replication_factor = topic.partitions.front().replicas.size();
  if (!request.assignments) {
    if (auto refusal = refuse_replication_factor(image, replication_factor)) return refusal;
    plan = place_partitions(image, topic.id, current, added, replication_factor);
    return std::nullopt;
  }
  if (request.assignments->size() != static_cast<std::size_t>(added)) {
    return RequestError{
        ErrorCode::invalid_replica_assignment,
        fmt::format("{} partitions are to be added, but {} are assigned.", added, request.assignments->size())};
  }
  for (const auto& assignment : *request.assignments) {
    if (auto refusal = refuse_assignment(image, assignment.broker_ids, replication_factor)) return refusal;
    const auto partition = current + static_cast<std::int32_t>(plan.size());
    plan.push_back(new_partition(image, topic.id, PartitionId{partition}, assignment.broker_ids));
  }
  return std::nullopt;
}

}  // namespace

Decision<CreatePartitionsResponse> ClusterState::handle(const CreatePartitionsRequest& request) const {
  std::map<std::string_view, int> times_named;
  for (const auto& topic : request.topics) ++times_named[topic.name];

  Decision<CreatePartitionsResponse> decision;
  const auto answer = [&](std::string_view name, Refusal refusal) {
    auto& result = decision.response.results.emplace_back();
    result.name = name;
    if (!refusal) return;
    result.error_code = refusal->code;
    result.error_message = std::move(refusal->message);
  };
  for (const auto& [name, times] : times_named) {
    if (times > 1)
      answer(name, RequestError{ErrorCode::invalid_request, "The request names this topic more than once."});
  }
  auto new_partitions_max = kNewPartitionsMax;
  for (const auto& topic : request.topics) {
    if (times_named[topic.name] > 1) continue;
    const auto* image = image_.find_topic(topic.name);
    if (image == nullptr) {
      answer(topic.name, RequestError{ErrorCode::unknown_topic_or_partition, "There is no topic of this name."});
      continue;
    }
    std::vector<PartitionRecord> plan;
    auto refusal = plan_partitions(image_, *image, topic, new_partitions_max, plan);
    if (!refusal) {
      new_partitions_max -= static_cast<std::int64_t>(plan.size());
      for (auto& partition : plan) decision.records.emplace_back(std::move(partition));
    }
    answer(topic.name, std::move(refusal));
  }
  if (request.validate_only) decision.records.clear();
  return decision;
}

}  // namespace sluice::broker::controller
