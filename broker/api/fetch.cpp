#include <algorithm>

#include "broker/api/handler.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/fetch/fetch_operation.hpp"
#include "broker/fetch/replica_fetch_operation.hpp"
#include "broker/fetch/replica_fetch_sessions.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using protocol::ErrorCode;
using protocol::FetchRequest;
using protocol::FetchResponse;

constexpr BrokerId kDebuggingConsumer{-2};  // in place of a replica's id, as in Kafka

FetchResponse failure(ErrorCode error) {
  FetchResponse response;
  response.error_code = error;
  return response;
}

/// As Kafka answers who may not act for the cluster.
FetchResponse refusal(const FetchRequest& request) {
  FetchResponse response;
  for (const auto& topic : request.topics) {
    auto& refused = response.responses.emplace_back();
    refused.topic = topic.topic;
    refused.topic_id = topic.topic_id;
    for (const auto& partition : topic.partitions) {
      auto& data = refused.partitions.emplace_back();
      data.partition_index = partition.partition;
      data.error_code = ErrorCode::topic_authorization_failed;
      data.high_watermark = kNoOffset;
      data.records = wire::Records::view({});
    }
  }
  return response;
}

std::shared_ptr<fetch::ReplicaFetchSession> find_session(Services& services, const FetchRequest& request,
                                                         fetch::ReplicaFetchSessions::Instant now) {
  const auto& follower = request.replica_state;
  const controller::BrokerEpoch broker_epoch{follower.replica_epoch};
  if (request.session_epoch > 0) return services.replica_fetches.find(follower.replica_id, request.session_id, now);
  if (request.session_id != 0) services.replica_fetches.end(follower.replica_id, request.session_id);
  if (request.session_epoch == 0) return services.replica_fetches.begin({follower.replica_id, broker_epoch}, now);
  return std::make_shared<fetch::ReplicaFetchSession>(
      0, replication::Isr::Member{.id = follower.replica_id, .epoch = broker_epoch});
}

void fetch_for_replica(const FetchRequest& request, RequestContext& context, Respond<FetchResponse> respond) {
  auto& services = context.services;
  if (context.api_version < 15) return respond(failure(ErrorCode::unsupported_version));
  const auto now = std::chrono::steady_clock::now();
  const auto image = services.images.image();
  const auto* follower = image->find_broker(request.replica_state.replica_id);
  // Sessions are for brokers alone, so that there is an end to them.
  if (follower == nullptr) return respond(failure(ErrorCode::broker_id_not_registered));
  const auto session = find_session(services, request, now);
  if (!session) return respond(failure(ErrorCode::fetch_session_id_not_found));
  // Requests of one session come over one connection; another thread's wait can't be ended here.
  if (!session->end_waiting()) return respond(failure(ErrorCode::invalid_fetch_session_epoch));
  const bool is_stale = request.replica_state.replica_epoch < follower->epoch.value();
  const auto taken = session->take(
      request,
      [&](const replication::PartitionKey& key) { return services.partitions.find(key.topic_id, key.partition); },
      is_stale, now);
  if (taken != ErrorCode::none) return respond(failure(taken));
  const fetch::ReplicaFetchOperation::Limits limits{
      .bytes_min = request.min_bytes,
      .bytes_max = std::min(request.max_bytes, services.settings.fetch_max_bytes),
      .wait_max = std::chrono::milliseconds{request.max_wait_ms},
  };
  std::make_shared<fetch::ReplicaFetchOperation>(services, context.io_thread, session, limits, std::move(respond))
      ->start();
}

}  // namespace

/// API 1. Records from the log, waiting for them where the client asks for it (KIP-227 sessions, KIP-320 fencing).
template <>
void handle<protocol::Fetch>(protocol::FetchRequest& request, RequestContext& context,
                             Respond<protocol::FetchResponse> respond) {
  auto& services = context.services;
  const auto replica = context.api_version < 15 ? request.replica_id : request.replica_state.replica_id;
  if (replica >= BrokerId{0}) {
    if (!context.connection.for_peers) return respond(refusal(request));
    return fetch_for_replica(request, context, std::move(respond));
  }
  auto plan = services.fetch_sessions.begin(request, context.api_version, std::chrono::steady_clock::now());
  if (plan.error != protocol::ErrorCode::none) {
    protocol::FetchResponse refused;
    refused.error_code = plan.error;
    return respond(refused);
  }
  const fetch::FetchLimits limits{
      .bytes_min = request.min_bytes,
      .bytes_max = std::min(request.max_bytes, services.settings.fetch_max_bytes),
      .wait_max = std::chrono::milliseconds{request.max_wait_ms},
      .read_committed = request.isolation_level == 1,
      .by_topic_id = context.api_version >= 13,
      .zstd_readable = context.api_version >= 10,
      .names_leader = context.api_version >= 12,
      .for_debugging = replica == kDebuggingConsumer,
  };
  std::make_shared<fetch::FetchOperation>(services, context.io_thread, std::move(plan), limits, std::move(respond))
      ->start();
}

}  // namespace sluice::broker::api
