#include "broker/controller/controller_codec.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "broker/controller/broker_calls.pb.h"
#include "broker/controller/metadata_proto.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;

template <class Request, class Response>
struct KafkaApi {};

/// The API whose messages these are; `forwarded_version` is the one that carries everything a handler may set.
#define SLUICE_KAFKA_API(Name, forwarded)                              \
  template <>                                                          \
  struct KafkaApi<protocol::Name##Request, protocol::Name##Response> { \
    using Api = protocol::Name;                                        \
    static constexpr std::int16_t forwarded_version = forwarded;       \
  };
SLUICE_KAFKA_API(CreateTopics, 7)
SLUICE_KAFKA_API(DeleteTopics, 6)
SLUICE_KAFKA_API(CreatePartitions, 3)
SLUICE_KAFKA_API(AlterConfigs, 2)
SLUICE_KAFKA_API(IncrementalAlterConfigs, 1)
SLUICE_KAFKA_API(AllocateProducerIds, 0)
SLUICE_KAFKA_API(ElectLeaders, 2)
SLUICE_KAFKA_API(UnregisterBroker, 0)
SLUICE_KAFKA_API(UpdateFeatures, 1)  // version 2 has no results of single features
SLUICE_KAFKA_API(DescribeQuorum, 2)
SLUICE_KAFKA_API(AddRaftVoter, 1)
SLUICE_KAFKA_API(RemoveRaftVoter, 0)
#undef SLUICE_KAFKA_API

template <class... Pairs>
struct Codec;

/// What only older versions have, said in the words of the forwarded one.
template <class Message>
const Message& in_forwarded_terms(const Message& message) {
  return message;
}
protocol::DeleteTopicsRequest in_forwarded_terms(const protocol::DeleteTopicsRequest& request) {
  auto forwarded = request;
  for (auto& name : forwarded.topic_names) forwarded.topics.emplace_back().name = std::move(name);
  forwarded.topic_names.clear();
  return forwarded;
}
protocol::UpdateFeaturesRequest in_forwarded_terms(const protocol::UpdateFeaturesRequest& request) {
  constexpr std::int8_t kSafeDowngrade = 2;
  auto forwarded = request;
  for (auto& update : forwarded.feature_updates) {
    if (std::exchange(update.allow_downgrade, false)) update.upgrade_type = kSafeDowngrade;
  }
  return forwarded;
}

template <class Api, class Message>
void put_kafka(const Message& message, std::int16_t version, pb::KafkaMessage& out) {
  wire::Writer writer;
  encode(in_forwarded_terms(message), version, writer);
  out.set_api_key(static_cast<std::int32_t>(Api::key));
  out.set_version(version);
  out.set_body(writer.bytes().data(), writer.size());
}

template <class Api, class Message>
std::optional<Message> take_kafka(const pb::KafkaMessage& in) {
  if (in.version() < Api::versions.min || in.version() > Api::versions.max) return std::nullopt;
  wire::Reader reader{as_byte_view(in.body())};
  Message message;
  if (!decode(reader, static_cast<std::int16_t>(in.version()), message) || !reader.ok()) return std::nullopt;
  if (reader.remaining() != 0) return std::nullopt;
  return message;
}

bool take(const google::protobuf::RepeatedPtrField<std::string>& in, std::vector<Uuid>& out) {
  for (const auto& bytes : in) {
    const auto id = uuid_of(bytes);
    if (!id) return false;
    out.push_back(*id);
  }
  return true;
}

ErrorCode error_of(std::int32_t number) { return static_cast<ErrorCode>(static_cast<std::int16_t>(number)); }

// Requests of brokers.

void put(const RegisterBrokerRequest& request, pb::ControllerRequest& message) {
  auto& out = *message.mutable_register_broker();
  out.set_cluster_id(request.cluster_id);
  to_proto(request.broker, *out.mutable_broker());
  out.set_metadata_version_min(request.metadata_version_min);
  out.set_metadata_version_max(request.metadata_version_max);
}

/// What every node will tell its clients in strings of Kafka's, which have their limits.
bool is_tellable(const BrokerImage& broker) {
  constexpr std::size_t kTextMax = 255;
  constexpr std::size_t kEndpointsMax = 100;
  constexpr std::size_t kDirectoriesMax = 1000;
  if (broker.endpoints.size() > kEndpointsMax || broker.directories.size() > kDirectoriesMax) return false;
  if (broker.rack && broker.rack->size() > std::numeric_limits<std::int16_t>::max()) return false;
  return std::ranges::all_of(broker.endpoints, [](const auto& endpoint) {
    return endpoint.listener_name.size() <= kTextMax && endpoint.host.size() <= kTextMax &&
           endpoint.security_protocol.size() <= kTextMax;
  });
}

std::optional<RegisterBrokerRequest> take(const pb::RegisterBrokerRequest& in) {
  auto broker = from_proto(in.broker());
  if (!broker || !is_tellable(*broker)) return std::nullopt;
  RegisterBrokerRequest request;
  request.cluster_id = in.cluster_id();
  request.broker = *std::move(broker);
  request.metadata_version_min = static_cast<std::int16_t>(in.metadata_version_min());
  request.metadata_version_max = static_cast<std::int16_t>(in.metadata_version_max());
  return request;
}

void put(const HeartbeatRequest& request, pb::ControllerRequest& message) {
  auto& out = *message.mutable_heartbeat();
  out.set_id(request.id.value());
  out.set_epoch(request.epoch.value());
  out.set_metadata_offset(request.metadata_offset.value());
  out.set_wants_fence(request.wants_fence);
  out.set_wants_shutdown(request.wants_shutdown);
  for (const auto& directory : request.offline_directories) out.add_offline_directories(uuid_bytes(directory));
  const Uuid* topic = nullptr;
  for (const auto& replica : request.offline_replicas) {
    if (topic == nullptr || *topic != replica.topic_id) {
      topic = &replica.topic_id;
      out.add_offline_replicas()->set_topic_id(uuid_bytes(*topic));
    }
    out.mutable_offline_replicas()->rbegin()->add_partitions(replica.partition.value());
  }
}

std::optional<HeartbeatRequest> take(const pb::HeartbeatRequest& in) {
  HeartbeatRequest request;
  request.id = BrokerId{in.id()};
  request.epoch = BrokerEpoch{in.epoch()};
  request.metadata_offset = Offset{in.metadata_offset()};
  request.wants_fence = in.wants_fence();
  request.wants_shutdown = in.wants_shutdown();
  if (!take(in.offline_directories(), request.offline_directories)) return std::nullopt;
  for (const auto& topic : in.offline_replicas()) {
    const auto id = uuid_of(topic.topic_id());
    if (!id) return std::nullopt;
    for (const auto partition : topic.partitions()) request.offline_replicas.push_back({*id, PartitionId{partition}});
  }
  return request;
}

void put(const AlterPartitionRequest& request, pb::ControllerRequest& message) {
  auto& out = *message.mutable_alter_partition();
  out.set_broker(request.broker.value());
  out.set_broker_epoch(request.broker_epoch.value());
  for (const auto& change : request.changes) {
    auto& to = *out.add_changes();
    to.set_topic_id(uuid_bytes(change.topic_id));
    to.set_partition(change.partition.value());
    to.set_leader_epoch(change.leader_epoch.value());
    to.set_partition_epoch(change.partition_epoch.value());
    for (const auto& member : change.isr) {
      auto& one = *to.add_isr();
      one.set_id(member.id.value());
      one.set_epoch(member.epoch.value());
    }
    to.set_recovery(static_cast<std::int32_t>(change.recovery));
  }
}

std::optional<AlterPartitionRequest> take(const pb::AlterPartitionRequest& in) {
  AlterPartitionRequest request;
  request.broker = BrokerId{in.broker()};
  request.broker_epoch = BrokerEpoch{in.broker_epoch()};
  for (const auto& change : in.changes()) {
    const auto topic_id = uuid_of(change.topic_id());
    if (!topic_id || (change.recovery() != 0 && change.recovery() != 1)) return std::nullopt;
    auto& to = request.changes.emplace_back();
    to.topic_id = *topic_id;
    to.partition = PartitionId{change.partition()};
    to.leader_epoch = LeaderEpoch{change.leader_epoch()};
    to.partition_epoch = PartitionEpoch{change.partition_epoch()};
    for (const auto& member : change.isr()) {
      to.isr.push_back({.id = BrokerId{member.id()}, .epoch = BrokerEpoch{member.epoch()}});
    }
    to.recovery = static_cast<LeaderRecovery>(change.recovery());
  }
  return request;
}

void put(const JoinRequest& request, pb::ControllerRequest& message) {
  auto& out = *message.mutable_join();
  out.set_cluster_id(request.cluster_id);
  out.set_node_id(request.node_id.value());
  out.set_directory_id(uuid_bytes(request.directory_id));
}

std::optional<JoinRequest> take(const pb::JoinRequest& in) {
  const auto directory_id = uuid_of(in.directory_id());
  if (!directory_id) return std::nullopt;
  return JoinRequest{.cluster_id = in.cluster_id(), .node_id = BrokerId{in.node_id()}, .directory_id = *directory_id};
}

// Responses to them.

void put(const RegisterBrokerResponse& response, pb::ControllerResponse& message) {
  auto& out = *message.mutable_register_broker();
  out.set_error_code(static_cast<std::int32_t>(response.error_code));
  out.set_error_message(response.error_message);
  out.set_epoch(response.epoch.value());
}

std::optional<RegisterBrokerResponse> take(const pb::RegisterBrokerResponse& in) {
  return RegisterBrokerResponse{
      .error_code = error_of(in.error_code()), .error_message = in.error_message(), .epoch = BrokerEpoch{in.epoch()}};
}

void put(const HeartbeatResponse& response, pb::ControllerResponse& message) {
  auto& out = *message.mutable_heartbeat();
  out.set_error_code(static_cast<std::int32_t>(response.error_code));
  out.set_caught_up(response.caught_up);
  out.set_fenced(response.fenced);
  out.set_may_shut_down(response.may_shut_down);
}

std::optional<HeartbeatResponse> take(const pb::HeartbeatResponse& in) {
  return HeartbeatResponse{.error_code = error_of(in.error_code()),
                           .caught_up = in.caught_up(),
                           .fenced = in.fenced(),
                           .may_shut_down = in.may_shut_down()};
}

void put(const AlterPartitionResponse& response, pb::ControllerResponse& message) {
  auto& out = *message.mutable_alter_partition();
  out.set_error_code(static_cast<std::int32_t>(response.error_code));
  for (const auto& item : response.items) {
    auto& to = *out.add_items();
    to_proto(item.now, *to.mutable_now());
    to.mutable_now()->set_topic_id(uuid_bytes(item.topic_id));
    to.mutable_now()->set_partition(item.partition.value());
    to.set_error_code(static_cast<std::int32_t>(item.error_code));
  }
}

std::optional<AlterPartitionResponse> take(const pb::AlterPartitionResponse& in) {
  AlterPartitionResponse response;
  response.error_code = error_of(in.error_code());
  for (const auto& item : in.items()) {
    const auto topic_id = uuid_of(item.now().topic_id());
    auto now = from_proto(item.now());
    if (!topic_id || !now) return std::nullopt;
    auto& to = response.items.emplace_back();
    to.topic_id = *topic_id;
    to.partition = now->partition;
    to.error_code = error_of(item.error_code());
    to.now = *std::move(now);
  }
  return response;
}

void put(const JoinResponse& response, pb::ControllerResponse& message) {
  auto& out = *message.mutable_join();
  out.set_error_code(static_cast<std::int32_t>(response.error_code));
  out.set_error_message(response.error_message);
  out.set_cluster_id(response.cluster_id);
  out.set_node_id(response.node_id.value());
}

std::optional<JoinResponse> take(const pb::JoinResponse& in) {
  return JoinResponse{.error_code = error_of(in.error_code()),
                      .error_message = in.error_message(),
                      .cluster_id = in.cluster_id(),
                      .node_id = BrokerId{in.node_id()}};
}

template <class Pair>
concept OfKafka = requires {
  typename KafkaApi<typename Pair::RequestType, typename Pair::ResponseType>::Api;
};

/// All that is derived from the one list of exchanges.
template <class... Pairs>
struct Codec {
  template <class Pair>
  using ApiOf = KafkaApi<typename Pair::RequestType, typename Pair::ResponseType>;

  /// `kMessage`: picks the request or the response of a pair.
  template <class Pair, class Body, class Out>
  static bool put_as(const Body& body, Out& out) {
    const auto put_one = [&](const auto& message) {
      if constexpr (OfKafka<Pair>) {
        put_kafka<typename ApiOf<Pair>::Api>(message, ApiOf<Pair>::forwarded_version, *out.mutable_kafka());
      } else {
        put(message, out);
      }
    };
    if constexpr (std::is_same_v<Out, pb::ControllerRequest>) {
      if (!std::holds_alternative<typename Pair::RequestType>(body)) return false;
      put_one(std::get<typename Pair::RequestType>(body));
    } else {
      if (!std::holds_alternative<typename Pair::ResponseType>(body)) return false;
      put_one(std::get<typename Pair::ResponseType>(body));
    }
    return true;
  }

  template <class Body, class Out>
  static void put_body(const Body& body, Out& out) {
    (put_as<Pairs>(body, out) || ...);
  }

  template <class Pair, class Body>
  static bool take_kafka_as(const pb::KafkaMessage& in, Body& body) {
    if constexpr (OfKafka<Pair>) {
      using Api = typename ApiOf<Pair>::Api;
      using Message = std::conditional_t<std::is_same_v<Body, decltype(ControllerRequest::body)>,
                                         typename Pair::RequestType, typename Pair::ResponseType>;
      if (in.api_key() != static_cast<std::int32_t>(Api::key)) return false;
      auto message = take_kafka<Api, Message>(in);
      if (!message) return false;
      body = *std::move(message);
      return true;
    } else {
      return false;
    }
  }

  template <class Body>
  static bool take_kafka_body(const pb::KafkaMessage& in, Body& body) {
    return (take_kafka_as<Pairs>(in, body) || ...);
  }
};
using AllCodecs = ExchangesInto<Codec>;

/// As the oneof says; false: none, or malformed.
template <class In, class Body>
bool take_body(const In& in, Body& body) {
  const auto take_one = [&](const auto& message) {
    auto taken = take(message);
    if (!taken) return false;
    body = *std::move(taken);
    return true;
  };
  switch (in.body_case()) {
    case In::kKafka: return AllCodecs::take_kafka_body(in.kafka(), body);
    case In::kRegisterBroker: return take_one(in.register_broker());
    case In::kHeartbeat: return take_one(in.heartbeat());
    case In::kAlterPartition: return take_one(in.alter_partition());
    case In::kJoin: return take_one(in.join());
    case In::BODY_NOT_SET: break;
  }
  return false;
}

template <class In>
bool parse(ByteView bytes, In& in) {
  return bytes.size() <= kControllerMessageBytesMax && in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

std::string encode(const ControllerRequest& request) {
  pb::ControllerRequest out;
  out.set_principal(request.principal);
  AllCodecs::put_body(request.body, out);
  return out.SerializeAsString();
}

std::string encode(const ControllerResponse& response) {
  pb::ControllerResponse out;
  out.set_version(response.version.value());
  AllCodecs::put_body(response.body, out);
  return out.SerializeAsString();
}

std::optional<ControllerRequest> decode_request(ByteView bytes) {
  pb::ControllerRequest in;
  ControllerRequest request;
  if (!parse(bytes, in) || !take_body(in, request.body)) return std::nullopt;
  request.principal = in.principal();
  return request;
}

std::optional<ControllerResponse> decode_response(ByteView bytes) {
  pb::ControllerResponse in;
  ControllerResponse response;
  if (!parse(bytes, in) || !take_body(in, response.body)) return std::nullopt;
  response.version = Offset{in.version()};
  return response;
}

}  // namespace sluice::broker::controller
