#include "broker/api/registry.hpp"

#include <algorithm>
#include <array>

#include "broker/api/handler.hpp"
#include "protocol/messages/add_raft_voter.hpp"
#include "protocol/messages/alter_configs.hpp"
#include "protocol/messages/alter_partition_reassignments.hpp"
#include "protocol/messages/alter_replica_log_dirs.hpp"
#include "protocol/messages/api_versions.hpp"
#include "protocol/messages/consumer_group_describe.hpp"
#include "protocol/messages/consumer_group_heartbeat.hpp"
#include "protocol/messages/create_partitions.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/delete_groups.hpp"
#include "protocol/messages/delete_records.hpp"
#include "protocol/messages/delete_topics.hpp"
#include "protocol/messages/describe_cluster.hpp"
#include "protocol/messages/describe_configs.hpp"
#include "protocol/messages/describe_groups.hpp"
#include "protocol/messages/describe_log_dirs.hpp"
#include "protocol/messages/describe_quorum.hpp"
#include "protocol/messages/describe_topic_partitions.hpp"
#include "protocol/messages/elect_leaders.hpp"
#include "protocol/messages/fetch.hpp"
#include "protocol/messages/find_coordinator.hpp"
#include "protocol/messages/heartbeat.hpp"
#include "protocol/messages/incremental_alter_configs.hpp"
#include "protocol/messages/init_producer_id.hpp"
#include "protocol/messages/join_group.hpp"
#include "protocol/messages/leave_group.hpp"
#include "protocol/messages/list_config_resources.hpp"
#include "protocol/messages/list_groups.hpp"
#include "protocol/messages/list_offsets.hpp"
#include "protocol/messages/list_partition_reassignments.hpp"
#include "protocol/messages/metadata.hpp"
#include "protocol/messages/offset_commit.hpp"
#include "protocol/messages/offset_delete.hpp"
#include "protocol/messages/offset_fetch.hpp"
#include "protocol/messages/offset_for_leader_epoch.hpp"
#include "protocol/messages/produce.hpp"
#include "protocol/messages/remove_raft_voter.hpp"
#include "protocol/messages/sync_group.hpp"
#include "protocol/messages/unregister_broker.hpp"
#include "protocol/messages/update_features.hpp"
#include "protocol/peer/peer_apis.hpp"

namespace sluice::broker::api {
namespace {

using protocol::ErrorCode;

template <class Api>
bool decode_and_handle(wire::Reader& body, std::int16_t version, std::unique_ptr<ResponseSink>& sink) {
  typename Api::Request request;
  if (!decode(body, version, request) || !body.ok()) return false;  // what follows the body is ignored, as Kafka does
  auto& context = sink->context();
  handle<Api>(request, context, Respond<typename Api::Response>{std::move(sink)});
  return true;
}

template <class Api>
void encode_response(const void* response, std::int16_t version, wire::Writer& writer) {
  encode(*static_cast<const typename Api::Response*>(response), version, writer);
}

template <class Api>
std::size_t response_size(const void* response, std::int16_t version) {
  return encoded_size(*static_cast<const typename Api::Response*>(response), version);
}

/// The error codes of a response, wherever its shape has them: at the top, or at its topics' partitions.
template <class Api>
void visit_response_errors(const void* erased, void (*report)(void*, std::int16_t), void* to) {
  const auto& response = *static_cast<const typename Api::Response*>(erased);
  const auto look = [&](const auto& item) {
    if constexpr (requires { item.error_code; }) {
      if (item.error_code != ErrorCode::none) report(to, static_cast<std::int16_t>(item.error_code));
    }
  };
  const auto look_at_topics = [&](const auto& topics) {
    for (const auto& topic : topics) {
      look(topic);
      if constexpr (requires { topic.partitions; })
        std::for_each(topic.partitions.begin(), topic.partitions.end(), look);
      if constexpr (requires { topic.partition_responses; }) {
        std::for_each(topic.partition_responses.begin(), topic.partition_responses.end(), look);
      }
    }
  };
  look(response);
  if constexpr (requires { response.groups; }) std::for_each(response.groups.begin(), response.groups.end(), look);
  if constexpr (requires { response.topics; }) look_at_topics(response.topics);
  if constexpr (requires { response.responses; }) look_at_topics(response.responses);
  if constexpr (requires { response.results; }) look_at_topics(response.results);
}

/// `max` where fewer versions are served than the schema knows, `advertised_min` where older ones are claimed.
struct Served {
  std::int16_t max = -1;
  std::int16_t advertised_min = -1;
};

template <class Api>
constexpr ApiEntry serve(Served served = {}) {
  return {.key = Api::key,
          .name = Api::name,
          .min_version = Api::versions.min,
          .max_version = served.max >= 0 ? served.max : Api::versions.max,
          .first_flexible_version = Api::first_flexible,
          .advertised_min_version = served.advertised_min >= 0 ? served.advertised_min : Api::versions.min,
          .handle = decode_and_handle<Api>,
          .encode = encode_response<Api>,
          .encoded_size = response_size<Api>,
          .visit_errors = visit_response_errors<Api>};
}

using namespace protocol;  // NOLINT: the list below is all names of APIs

constexpr std::array kEntries{
    // librdkafka before 2.8 switches off compression and format v2 unless it sees the Produce range of old brokers.
    serve<Produce>({.advertised_min = 0}),
    serve<Fetch>(),
    serve<ListOffsets>(),
    serve<Metadata>(),
    serve<OffsetCommit>(),
    serve<OffsetFetch>(),
    serve<FindCoordinator>(),
    serve<JoinGroup>(),
    serve<Heartbeat>(),
    serve<LeaveGroup>(),
    serve<SyncGroup>(),
    serve<DescribeGroups>(),
    serve<ListGroups>(),
    serve<ApiVersions>(),
    serve<CreateTopics>(),
    serve<DeleteTopics>(),
    serve<DeleteRecords>(),
    serve<InitProducerId>({.max = 5}),  // 6 is two-phase commit, unstable in Kafka
    serve<OffsetForLeaderEpoch>(),
    serve<DescribeConfigs>(),
    serve<AlterConfigs>(),
    serve<AlterReplicaLogDirs>(),
    serve<DescribeLogDirs>(),
    serve<CreatePartitions>(),
    serve<DeleteGroups>(),
    serve<ElectLeaders>(),
    serve<IncrementalAlterConfigs>(),
    serve<AlterPartitionReassignments>(),
    serve<ListPartitionReassignments>(),
    serve<OffsetDelete>(),
    serve<DescribeQuorum>(),
    serve<UpdateFeatures>(),
    serve<DescribeCluster>(),
    serve<UnregisterBroker>(),
    serve<ConsumerGroupHeartbeat>(),
    serve<ConsumerGroupDescribe>(),
    serve<ListConfigResources>(),
    serve<DescribeTopicPartitions>(),
    serve<AddRaftVoter>(),
    serve<RemoveRaftVoter>(),
};
static_assert(std::is_sorted(kEntries.begin(), kEntries.end(),
                             [](const ApiEntry& left, const ApiEntry& right) { return left.key < right.key; }));

/// By key, without a gap.
constexpr std::array kPeerEntries{
    serve<RaftMessages>(),
    serve<ClusterCall>(),
    serve<ReplicaProgress>(),
};

}  // namespace

std::span<const ApiEntry> entries() noexcept { return kEntries; }
std::span<const ApiEntry> peer_entries() noexcept { return kPeerEntries; }

const ApiEntry* find(std::int16_t key) noexcept {
  if (is_peer_key(key)) {
    const auto index = static_cast<std::size_t>(key - protocol::kFirstPeerKey);
    return index < kPeerEntries.size() ? &kPeerEntries[index] : nullptr;
  }
  const auto at = std::lower_bound(
      kEntries.begin(), kEntries.end(), key,
      [](const ApiEntry& entry, std::int16_t wanted) { return static_cast<std::int16_t>(entry.key) < wanted; });
  return at != kEntries.end() && static_cast<std::int16_t>(at->key) == key ? &*at : nullptr;
}

}  // namespace sluice::broker::api
