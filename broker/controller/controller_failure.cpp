#include "broker/controller/controller_request.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;

/// Fills the response to each kind of request.
struct Refuse {
  const ErrorCode error;
  const std::string& message;

  protocol::CreateTopicsResponse operator()(const protocol::CreateTopicsRequest& request) const {
    protocol::CreateTopicsResponse response;
    for (const auto& topic : request.topics) {
      auto& result = response.topics.emplace_back();
      result.name = topic.name;
      result.error_code = error;
      result.error_message = message;
      result.configs = std::nullopt;
    }
    return response;
  }
  protocol::DeleteTopicsResponse operator()(const protocol::DeleteTopicsRequest& request) const {
    protocol::DeleteTopicsResponse response;
    const auto fail = [&](const std::optional<std::string>& name, const Uuid& id) {
      auto& result = response.responses.emplace_back();
      result.name = name;
      result.topic_id = id;
      result.error_code = error;
      result.error_message = message;
    };
    for (const auto& topic : request.topics) fail(topic.name, topic.topic_id);
    for (const auto& name : request.topic_names) fail(name, {});
    return response;
  }
  protocol::CreatePartitionsResponse operator()(const protocol::CreatePartitionsRequest& request) const {
    protocol::CreatePartitionsResponse response;
    for (const auto& topic : request.topics) {
      auto& result = response.results.emplace_back();
      result.name = topic.name;
      result.error_code = error;
      result.error_message = message;
    }
    return response;
  }
  protocol::AlterConfigsResponse operator()(const protocol::AlterConfigsRequest& request) const {
    return refuse_resources<protocol::AlterConfigsResponse>(request);
  }
  protocol::IncrementalAlterConfigsResponse operator()(const protocol::IncrementalAlterConfigsRequest& request) const {
    return refuse_resources<protocol::IncrementalAlterConfigsResponse>(request);
  }
  protocol::ElectLeadersResponse operator()(const protocol::ElectLeadersRequest& request) const {
    protocol::ElectLeadersResponse response;
    response.error_code = error;
    if (!request.topic_partitions) return response;
    for (const auto& topic : *request.topic_partitions) {
      auto& result = response.replica_election_results.emplace_back();
      result.topic = topic.topic;
      for (const auto partition : topic.partitions) {
        auto& one = result.partition_result.emplace_back();
        one.partition_id = partition;
        one.error_code = error;
        one.error_message = message;
      }
    }
    return response;
  }
  protocol::UpdateFeaturesResponse operator()(const protocol::UpdateFeaturesRequest& request) const {
    protocol::UpdateFeaturesResponse response;
    response.error_code = error;
    response.error_message = message;
    for (const auto& update : request.feature_updates) {
      auto& result = response.results.emplace_back();
      result.feature = update.feature;
      result.error_code = error;
      result.error_message = message;
    }
    return response;
  }
  protocol::AllocateProducerIdsResponse operator()(const protocol::AllocateProducerIdsRequest&) const {
    return with_code<protocol::AllocateProducerIdsResponse>();
  }
  HeartbeatResponse operator()(const HeartbeatRequest&) const { return with_code<HeartbeatResponse>(); }
  AlterPartitionResponse operator()(const AlterPartitionRequest&) const { return with_code<AlterPartitionResponse>(); }
  /// The others have one code and one text.
  template <class Request>
  ResponseOf<Request> operator()(const Request&) const {
    auto response = with_code<ResponseOf<Request>>();
    response.error_message = message;
    return response;
  }

 private:
  template <class Response>
  Response with_code() const {
    Response response;
    response.error_code = error;
    return response;
  }
  template <class Response, class Request>
  Response refuse_resources(const Request& request) const {
    Response response;
    for (const auto& resource : request.resources) {
      auto& result = response.responses.emplace_back();
      result.resource_type = resource.resource_type;
      result.resource_name = resource.resource_name;
      result.error_code = error;
      result.error_message = message;
    }
    return response;
  }
};

}  // namespace

ControllerResponse refuse(const ControllerRequest& request, ErrorCode error, const std::string& message) {
  ControllerResponse response;
  std::visit([&](const auto& body) { response.body = Refuse{error, message}(body); }, request.body);
  return response;
}

}  // namespace sluice::broker::controller
