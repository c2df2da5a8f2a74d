#include "broker/node/cluster_page.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "broker/controller/replica_state.hpp"

namespace sluice::broker::node {
namespace {

using controller::BrokerImage;
using controller::MetadataImage;
using controller::PartitionImage;
using controller::TopicImage;
using Json = nlohmann::ordered_json;

constexpr std::size_t kPartitionsMax = 1000;

Json id_or_null(BrokerId id) { return id == kNoBroker ? Json{} : Json(id.value()); }

Json ids(const std::vector<BrokerId>& brokers) {
  auto list = Json::array();
  for (const auto id : brokers) list.push_back(id.value());
  return list;
}

Json render_quorum(ClusterNode& cluster) {
  const auto status = cluster.raft().status();
  auto voters = Json::array();
  for (const auto& voter : cluster.voters()) {
    voters.push_back({{"node", voter.id.value()}, {"host", voter.host}, {"port", voter.port}});
  }
  return {{"leader", status.leader ? id_or_null(status.leader->node) : Json{}},
          {"term", status.term.value()},
          {"commit_index", status.commit.value()},
          {"last_index", status.last.value()},
          {"snapshot_index", status.snapshot.value()},
          {"voters", std::move(voters)}};
}

const char* state_of(const BrokerImage& broker) {
  if (broker.in_controlled_shutdown) return "shutting down";
  return broker.fenced ? "fenced" : "active";
}

Json render_broker(const BrokerImage& broker, BrokerId quorum_leader) {
  auto roles = Json::array({"broker"});
  if (broker.is_controller) roles.push_back("controller");
  auto endpoints = Json::object();
  for (const auto& endpoint : broker.endpoints) {
    endpoints[endpoint.listener_name] = endpoint.host + ":" + std::to_string(endpoint.port);
  }
  auto directories = Json::array();
  for (const auto& directory : broker.directories) directories.push_back(directory.to_string());
  return {{"id", broker.id.value()},
          {"state", state_of(broker)},
          {"is_active_controller", broker.id == quorum_leader},
          {"roles", std::move(roles)},
          {"epoch", broker.epoch.value()},
          {"rack", broker.rack ? Json(*broker.rack) : Json{}},
          {"capacity", broker.capacity},
          {"endpoints", std::move(endpoints)},
          {"directories", std::move(directories)}};
}

Json render_partition(const MetadataImage& image, const TopicImage& topic, const PartitionImage& partition) {
  auto states = Json::object();
  for (const auto id : partition.replicas) {
    states[std::to_string(id.value())] =
        controller::name_of(controller::replica_state(image, topic.name, partition.partition, id));
  }
  return {{"topic", topic.name},
          {"partition", partition.partition.value()},
          {"leader", id_or_null(partition.leader)},
          {"leader_epoch", partition.leader_epoch.value()},
          {"partition_epoch", partition.partition_epoch.value()},
          {"replicas", ids(partition.replicas)},
          {"isr", ids(partition.isr)},
          {"elr", ids(partition.elr)},
          {"adding", ids(partition.adding)},
          {"removing", ids(partition.removing)},
          {"replica_states", std::move(states)}};
}

bool is_well(const PartitionImage& partition) {
  return partition.leader != kNoBroker && partition.isr.size() == partition.replicas.size() &&
         partition.adding.empty() && partition.removing.empty();
}

Json render_partitions(const MetadataImage& image, const std::string& only) {
  auto list = Json::array();
  image.for_each_topic([&](const TopicImage& topic) {
    if (!only.empty() && topic.name != only) return;
    for (const auto& partition : topic.partitions) {
      if (list.size() == kPartitionsMax) return;
      if (!only.empty() || !is_well(partition)) list.push_back(render_partition(image, topic, partition));
    }
  });
  return list;
}

Json count_replica_states(const MetadataImage& image) {
  std::map<controller::ReplicaState, std::size_t> counts;
  image.for_each_topic([&](const TopicImage& topic) {
    for (const auto& partition : topic.partitions) {
      for (const auto id : partition.replicas) {
        ++counts[controller::replica_state(image, topic.name, partition.partition, id)];
      }
    }
  });
  auto counted = Json::object();
  for (const auto& [state, count] : counts) counted[std::string{controller::name_of(state)}] = count;
  return counted;
}

}  // namespace

std::string render_cluster(ClusterNode& cluster, ClusterHealthCount& count, const std::string& topic) {
  const auto image = cluster.publisher().image();
  const auto health = count.of(image);
  auto brokers = Json::array();
  for (const auto& broker : image->brokers()) brokers.push_back(render_broker(broker, cluster.leader()));
  auto features = Json::object();
  for (const auto& [name, level] : image->features()) features[name] = level;
  const Json page{{"cluster_id", image->cluster_id()},
                  {"node_id", cluster.self().value()},
                  {"metadata_version", image->version().value()},
                  {"features", std::move(features)},
                  {"quorum", render_quorum(cluster)},
                  {"brokers", std::move(brokers)},
                  {"partitions",
                   {{"topics", health.topics},
                    {"count", health.partitions},
                    {"offline", health.offline},
                    {"under_replicated", health.under_replicated},
                    {"under_min_isr", health.under_min_isr},
                    {"replica_states", count_replica_states(*image)}}},
                  {topic.empty() ? "partitions_not_well" : "partitions_of_topic", render_partitions(*image, topic)}};
  return page.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";  // a rack need not be UTF-8
}

}  // namespace sluice::broker::node
