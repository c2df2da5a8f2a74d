#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <map>
#include <optional>

#include "broker/config/alter.hpp"
#include "broker/config/describe.hpp"
#include "broker/controller/cluster_state.hpp"
#include "broker/controller/internal_topics.hpp"
#include "broker/controller/partition_plan.hpp"
#include "broker/controller/topic_name.hpp"
#include "protocol/base/clipped.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::CreateTopicsRequest;
using protocol::CreateTopicsResponse;
using protocol::ErrorCode;
using Topic = CreateTopicsRequest::CreatableTopic;
using TopicResult = CreateTopicsResponse::CreatableTopicResult;

/// One CreateTopics request on its way through.
class TopicCreation {
 public:
  TopicCreation(const MetadataImage& image, config::BrokerConfig config, const std::function<Uuid()>& make_uuid)
      : image_(image), config_(std::move(config)), make_uuid_(make_uuid) {}

  TopicResult create(const Topic& topic);
  std::vector<MetadataRecord> take_records() { return std::move(records_); }

 private:
  Refusal refuse_name(const std::string& name) const;
  Refusal read_configs(const Topic& topic, ConfigMap& configs) const;
  Refusal plan_assigned(const Topic& topic, const Uuid& id, std::vector<PartitionRecord>& plan) const;
  Refusal plan_placed(const Topic& topic, const Uuid& id, std::vector<PartitionRecord>& plan) const;
  std::int64_t replication_factor_of(const Topic& topic) const;
  std::int64_t default_of(std::string_view setting) const;
  void describe(const ConfigMap& configs, TopicResult& result) const;

  const MetadataImage& image_;
  const config::BrokerConfig config_;
  const std::function<Uuid()>& make_uuid_;
  std::map<std::string, std::string> created_;  // names of this request, by collision_form
  std::int64_t new_partitions_ = 0;
  std::vector<MetadataRecord> records_;
};

std::string collision_form(std::string name) {
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

TopicResult failed(const std::string& name, RequestError error) {
  TopicResult result;
  result.name = name;
  result.error_code = error.code;
  result.error_message = std::move(error.message);
  result.configs = std::nullopt;
  return result;
}

TopicResult TopicCreation::create(const Topic& topic) {
  ConfigMap configs;
  std::vector<PartitionRecord> plan;
  const Uuid id = make_uuid_();
  auto refusal = refuse_name(topic.name);
  if (!refusal) refusal = read_configs(topic, configs);
  if (!refusal) refusal = topic.assignments.empty() ? plan_placed(topic, id, plan) : plan_assigned(topic, id, plan);
  if (refusal) return failed(topic.name, *std::move(refusal));

  created_.emplace(collision_form(topic.name), topic.name);
  new_partitions_ += static_cast<std::int64_t>(plan.size());
  TopicResult result;
  result.name = topic.name;
  result.topic_id = id;
  result.error_message = std::nullopt;
  result.num_partitions = static_cast<std::int32_t>(plan.size());
  result.replication_factor = static_cast<std::int16_t>(plan.front().partition.replicas.size());
  describe(configs, result);

  records_.emplace_back(TopicRecord{topic.name, id});
  for (auto& [key, value] : configs) {
    records_.emplace_back(ConfigRecord{ConfigResource::topic, topic.name, key, value});
  }
  for (auto& partition : plan) records_.emplace_back(std::move(partition));
  return result;
}

Refusal TopicCreation::refuse_name(const std::string& name) const {
  if (name == kMetadataTopic) {
    return RequestError{ErrorCode::invalid_request, "The name __cluster_metadata belongs to the broker itself."};
  }
  if (auto refusal = refuse_topic_name(name)) {
    return RequestError{ErrorCode::invalid_topic_exception, *std::move(refusal)};
  }
  if (image_.find_topic(name) != nullptr) {
    return RequestError{ErrorCode::topic_already_exists, fmt::format("Topic '{}' already exists.", name)};
  }
  const auto* existing = image_.find_colliding_topic(name);
  const auto earlier = created_.find(collision_form(name));
  if (existing == nullptr && earlier == created_.end()) return std::nullopt;
  return RequestError{ErrorCode::invalid_topic_exception,
                      fmt::format("Topic '{}' differs from topic '{}' only in '.' and '_', which metric names don't "
                                  "tell apart.",
                                  name, existing != nullptr ? existing->name : earlier->second)};
}

Refusal TopicCreation::read_configs(const Topic& topic, ConfigMap& configs) const {
  for (const auto& [name, value, tags] : topic.configs) {
    if (!value) return RequestError{ErrorCode::invalid_config, fmt::format("Setting {} has no value.", clipped(name))};
    configs.insert_or_assign(name, *value);
  }
  if (auto refusal = config::validate_topic_configs(config_, configs)) {
    return RequestError{ErrorCode::invalid_config, *std::move(refusal)};
  }
  return std::nullopt;
}

Refusal TopicCreation::plan_assigned(const Topic& topic, const Uuid& id, std::vector<PartitionRecord>& plan) const {
  if (topic.replication_factor != -1 || topic.num_partitions != -1) {
    return RequestError{ErrorCode::invalid_request,
                        "With a manual assignment, num_partitions and replication_factor must both be -1."};
  }
  const auto count = topic.assignments.size();
  if (new_partitions_ + static_cast<std::int64_t>(count) > kNewPartitionsMax) {
    return RequestError{ErrorCode::policy_violation,
                        fmt::format("One request may create at most {} partitions.", kNewPartitionsMax)};
  }
  std::vector<const std::vector<BrokerId>*> by_partition(count, nullptr);
  for (const auto& assignment : topic.assignments) {
    const auto index = static_cast<std::uint32_t>(assignment.partition_index.value());
    if (index >= count) {
      return RequestError{ErrorCode::invalid_replica_assignment,
                          fmt::format("The assigned partitions must be numbered from 0 to {}.", count - 1)};
    }
    if (by_partition[index] != nullptr) {
      return RequestError{ErrorCode::invalid_replica_assignment,
                          fmt::format("Partition {} is assigned more than once.", index)};
    }
    const auto replication_factor = topic.assignments.front().broker_ids.size();
    if (auto refusal = refuse_assignment(image_, assignment.broker_ids, replication_factor)) return refusal;
    by_partition[index] = &assignment.broker_ids;
  }
  plan.reserve(count);
  for (std::size_t index = 0; index < count; ++index) {
    plan.push_back(new_partition(image_, id, PartitionId{static_cast<std::int32_t>(index)}, *by_partition[index]));
  }
  return std::nullopt;
}

Refusal TopicCreation::plan_placed(const Topic& topic, const Uuid& id, std::vector<PartitionRecord>& plan) const {
  if (topic.replication_factor < -1 || topic.replication_factor == 0) {
    return RequestError{ErrorCode::invalid_replication_factor,
                        "The replication factor must be at least 1, or -1 for the broker's default."};
  }
  if (topic.num_partitions < -1 || topic.num_partitions == 0) {
    return RequestError{ErrorCode::invalid_partitions,
                        "The number of partitions must be at least 1, or -1 for the broker's default."};
  }
  const std::int64_t count = topic.num_partitions == -1 ? default_of("num.partitions") : topic.num_partitions;
  const std::int64_t replication_factor = replication_factor_of(topic);
  if (new_partitions_ + count > kNewPartitionsMax) {
    return RequestError{ErrorCode::policy_violation,
                        fmt::format("One request may create at most {} partitions.", kNewPartitionsMax)};
  }
  if (auto refusal = refuse_replication_factor(image_, static_cast<std::size_t>(replication_factor))) return refusal;
  plan =
      place_partitions(image_, id, 0, static_cast<std::int32_t>(count), static_cast<std::size_t>(replication_factor));
  return std::nullopt;
}

std::int64_t TopicCreation::replication_factor_of(const Topic& topic) const {
  if (is_internal_topic(topic.name)) {
    // As many as there can be: it grows when brokers join.
    return static_cast<std::int64_t>(internal_replication_factor(image_, config_, topic.name));
  }
  return topic.replication_factor == -1 ? default_of("default.replication.factor") : topic.replication_factor;
}

std::int64_t TopicCreation::default_of(std::string_view setting) const {
  const auto value = config_.value(setting);
  return value ? std::max(1L, std::strtol(value->c_str(), nullptr, 10)) : 1;
}

void TopicCreation::describe(const ConfigMap& configs, TopicResult& result) const {
  auto described = config::describe_topic(config_, configs);
  std::sort(described.begin(), described.end(),
            [](const auto& left, const auto& right) { return left.name < right.name; });
  result.configs->reserve(described.size());
  for (auto& one : described) {
    auto& to = result.configs->emplace_back();
    to.name = std::move(one.name);
    to.value = std::move(one.value);
    to.read_only = one.read_only;
    to.config_source = static_cast<std::int8_t>(one.source);
    to.is_sensitive = one.is_sensitive;
  }
}

}  // namespace

Decision<CreateTopicsResponse> ClusterState::handle(const CreateTopicsRequest& request) const {
  std::map<std::string_view, int> times_named;
  for (const auto& topic : request.topics) ++times_named[topic.name];

  Decision<CreateTopicsResponse> decision;
  TopicCreation creation{image_, effective_config(), make_uuid_};
  for (const auto& topic : request.topics) {
    if (times_named[topic.name] == 1) decision.response.topics.push_back(creation.create(topic));
  }
  for (const auto& [name, times] : times_named) {
    if (times == 1) continue;
    decision.response.topics.push_back(
        failed(std::string{name}, {ErrorCode::invalid_request, "The request names this topic more than once."}));
  }
  if (!request.validate_only) decision.records = creation.take_records();
  return decision;
}

}  // namespace sluice::broker::controller
