#include <fmt/format.h>
#include <map>
#include <set>

#include "broker/controller/cluster_state.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::DeleteTopicsRequest;
using protocol::DeleteTopicsResponse;
using protocol::ErrorCode;
using Target = DeleteTopicsRequest::DeleteTopicState;
using TopicResult = DeleteTopicsResponse::DeletableTopicResult;

TopicResult failed(const Target& target, ErrorCode code, std::string message) {
  TopicResult result;
  result.name = target.name;
  result.topic_id = target.topic_id;
  result.error_code = code;
  result.error_message = std::move(message);
  return result;
}

/// The topic that `target` means; null, with `result` filled, when it means none.
const TopicImage* find(const MetadataImage& image, const Target& target, TopicResult& result) {
  const bool by_id = !target.topic_id.is_zero();
  if (by_id == target.name.has_value()) {
    result = failed(target, ErrorCode::invalid_request, "A topic must be given by its name or by its id, not both.");
    return nullptr;
  }
  const auto* topic = by_id ? image.find_topic(target.topic_id) : image.find_topic(*target.name);
  if (topic == nullptr) {
    result = by_id ? failed(target, ErrorCode::unknown_topic_id, "No topic has this id.")
                   : failed(target, ErrorCode::unknown_topic_or_partition, "There is no topic of this name.");
  }
  return topic;
}

/// Versions before 6 give names only.
std::vector<Target> targets_of(const DeleteTopicsRequest& request) {
  auto targets = request.topics;
  for (const auto& name : request.topic_names) targets.emplace_back().name = name;
  return targets;
}

}  // namespace

Decision<DeleteTopicsResponse> ClusterState::handle(const DeleteTopicsRequest& request) const {
  Decision<DeleteTopicsResponse> decision;
  auto& results = decision.response.responses;
  const auto targets = targets_of(request);
  if (effective_config().value("delete.topic.enable") == "false") {
    for (const auto& target : targets) {
      results.push_back(failed(target, ErrorCode::topic_deletion_disabled, "delete.topic.enable is false."));
    }
    return decision;
  }

  std::map<std::pair<std::optional<std::string>, Uuid>, int> times_given;
  for (const auto& target : targets) ++times_given[{target.name, target.topic_id}];
  std::map<Uuid, TopicResult> deletions;
  for (const auto& [key, times] : times_given) {
    Target target;
    std::tie(target.name, target.topic_id) = key;
    if (times > 1) {
      results.push_back(failed(target, ErrorCode::invalid_request, "The request gives this topic more than once."));
      continue;
    }
    TopicResult result;
    const auto* topic = find(image_, target, result);
    if (topic == nullptr) {
      results.push_back(std::move(result));
      continue;
    }
    result.name = topic->name;
    result.topic_id = topic->id;
    if (const auto [at, fresh] = deletions.emplace(topic->id, std::move(result)); !fresh) {
      at->second =
          failed(target, ErrorCode::invalid_request, "The request gives this topic by its name and by its id.");
    }
  }
  for (auto& [id, result] : deletions) {
    if (result.error_code == ErrorCode::none) decision.records.emplace_back(RemoveTopicRecord{id});
    results.push_back(std::move(result));
  }
  return decision;
}

}  // namespace sluice::broker::controller
