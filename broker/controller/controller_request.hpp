#pragma once

#include <string>
#include <utility>
#include <variant>

#include "broker/controller/broker_calls.hpp"
#include "broker/controller/controller.hpp"
#include "protocol/messages/add_raft_voter.hpp"
#include "protocol/messages/allocate_producer_ids.hpp"
#include "protocol/messages/alter_configs.hpp"
#include "protocol/messages/create_partitions.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/delete_topics.hpp"
#include "protocol/messages/describe_quorum.hpp"
#include "protocol/messages/elect_leaders.hpp"
#include "protocol/messages/incremental_alter_configs.hpp"
#include "protocol/messages/remove_raft_voter.hpp"
#include "protocol/messages/unregister_broker.hpp"
#include "protocol/messages/update_features.hpp"

namespace sluice::broker::controller {

/// A request that the active controller decides, and its response.
template <class Request, class Response>
struct Exchange {
  using RequestType = Request;
  using ResponseType = Response;
};

/// The pairs of one list: the variants below, ResponseOf and the codec all follow from it.
template <template <class...> class List>
using ExchangesInto = List<
    // decided on the cluster's state (ClusterState)
    Exchange<protocol::CreateTopicsRequest, protocol::CreateTopicsResponse>,
    Exchange<protocol::DeleteTopicsRequest, protocol::DeleteTopicsResponse>,
    Exchange<protocol::CreatePartitionsRequest, protocol::CreatePartitionsResponse>,
    Exchange<protocol::AlterConfigsRequest, protocol::AlterConfigsResponse>,
    Exchange<protocol::IncrementalAlterConfigsRequest, protocol::IncrementalAlterConfigsResponse>,
    Exchange<protocol::AllocateProducerIdsRequest, protocol::AllocateProducerIdsResponse>,
    Exchange<protocol::ElectLeadersRequest, protocol::ElectLeadersResponse>,
    Exchange<protocol::UnregisterBrokerRequest, protocol::UnregisterBrokerResponse>,
    Exchange<protocol::UpdateFeaturesRequest, protocol::UpdateFeaturesResponse>,
    Exchange<RegisterBrokerRequest, RegisterBrokerResponse>, Exchange<HeartbeatRequest, HeartbeatResponse>,
    Exchange<AlterPartitionRequest, AlterPartitionResponse>, Exchange<JoinRequest, JoinResponse>,
    // decided by the quorum itself
    Exchange<protocol::DescribeQuorumRequest, protocol::DescribeQuorumResponse>,
    Exchange<protocol::AddRaftVoterRequest, protocol::AddRaftVoterResponse>,
    Exchange<protocol::RemoveRaftVoterRequest, protocol::RemoveRaftVoterResponse>>;

template <class... Pairs>
using RequestVariant = std::variant<typename Pairs::RequestType...>;
template <class... Pairs>
using ResponseVariant = std::variant<typename Pairs::ResponseType...>;

struct ControllerRequest {
  ExchangesInto<RequestVariant> body;
  std::string principal = "User:ANONYMOUS";  ///< on whose behalf
};

struct ControllerResponse {
  ExchangesInto<ResponseVariant> body;
  /// The image of this version or a later one shows what the response says; kNoOffset: nothing was changed.
  Offset version = kNoOffset;
};

namespace detail {
template <class Request, class... Pairs>
struct FindResponse;
template <class Request, class Response, class... Rest>
struct FindResponse<Request, Exchange<Request, Response>, Rest...> {
  using type = Response;
};
template <class Request, class First, class... Rest>
struct FindResponse<Request, First, Rest...> : FindResponse<Request, Rest...> {};
template <class Request>
struct ResponseFor {
  template <class... Pairs>
  using In = FindResponse<Request, Pairs...>;
};
}  // namespace detail

template <class Request>
using ResponseOf = typename ExchangesInto<detail::ResponseFor<Request>::template In>::type;

/// Asks the controller, and hands over the response that belongs to the request.
template <class Request>
void call(Controller& controller, Request request, Answer<ResponseOf<Request>> answer) {
  controller.submit({.body = std::move(request)}, [answer = std::move(answer)](ControllerResponse response) {
    answer(std::get<ResponseOf<Request>>(std::move(response.body)));
  });
}

/// The response that says of everything `request` asks for that it failed with `error`: for every item, where the
/// response has items.
ControllerResponse refuse(const ControllerRequest& request, protocol::ErrorCode error, const std::string& message);

}  // namespace sluice::broker::controller
