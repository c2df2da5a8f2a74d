#include "broker/controller/metadata_record.hpp"

#include <algorithm>
#include <array>

#include "broker/controller/metadata_record.pb.h"

namespace sluice::broker::controller {
namespace {

std::string uuid_bytes(const Uuid& id) { return {reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size()}; }

std::optional<Uuid> uuid_of(const std::string& bytes) {
  std::array<std::uint8_t, 16> raw{};
  if (bytes.size() != raw.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), raw.begin());
  return Uuid{raw};
}

struct ToProto {
  pb::MetadataRecord& out;

  void operator()(const ClusterRecord& record) const { out.mutable_cluster()->set_cluster_id(record.cluster_id); }
  void operator()(const BrokerRecord& record) const {
    auto& broker = *out.mutable_broker();
    broker.set_id(record.broker.id.value());
    if (record.broker.rack) broker.set_rack(*record.broker.rack);
    broker.set_fenced(record.broker.fenced);
    for (const auto& endpoint : record.broker.endpoints) {
      auto& to = *broker.add_endpoints();
      to.set_listener_name(endpoint.listener_name);
      to.set_host(endpoint.host);
      to.set_port(endpoint.port);
      to.set_security_protocol(endpoint.security_protocol);
    }
  }
  void operator()(const TopicRecord& record) const {
    out.mutable_topic()->set_name(record.name);
    out.mutable_topic()->set_id(uuid_bytes(record.id));
  }
  void operator()(const RemoveTopicRecord& record) const { out.mutable_remove_topic()->set_id(uuid_bytes(record.id)); }
  void operator()(const PartitionRecord& record) const {
    auto& to = *out.mutable_partition();
    to.set_topic_id(uuid_bytes(record.topic_id));
    to.set_partition(record.partition.partition.value());
    for (const auto replica : record.partition.replicas) to.add_replicas(replica.value());
    for (const auto replica : record.partition.isr) to.add_isr(replica.value());
    to.set_leader(record.partition.leader.value());
    to.set_leader_epoch(record.partition.leader_epoch.value());
    to.set_partition_epoch(record.partition.partition_epoch.value());
  }
  void operator()(const ConfigRecord& record) const {
    auto& to = *out.mutable_config();
    to.set_resource(static_cast<std::int32_t>(record.resource));
    to.set_name(record.name);
    to.set_key(record.key);
    if (record.value) to.set_value(*record.value);
  }
  void operator()(const ProducerIdsRecord& record) const { out.mutable_producer_ids()->set_next(record.next.value()); }
};

BrokerRecord from(const pb::BrokerRecord& in) {
  BrokerImage broker;
  broker.id = BrokerId{in.id()};
  if (in.has_rack()) broker.rack = in.rack();
  broker.fenced = in.fenced();
  for (const auto& endpoint : in.endpoints()) {
    broker.endpoints.push_back(
        {endpoint.listener_name(), endpoint.host(), endpoint.port(), endpoint.security_protocol()});
  }
  return {std::move(broker)};
}

std::optional<MetadataRecord> from(const pb::PartitionRecord& in) {
  const auto topic_id = uuid_of(in.topic_id());
  if (!topic_id) return std::nullopt;
  PartitionImage partition;
  partition.partition = PartitionId{in.partition()};
  partition.replicas.reserve(static_cast<std::size_t>(in.replicas_size()));
  for (const auto replica : in.replicas()) partition.replicas.emplace_back(replica);
  partition.isr.reserve(static_cast<std::size_t>(in.isr_size()));
  for (const auto replica : in.isr()) partition.isr.emplace_back(replica);
  partition.leader = BrokerId{in.leader()};
  partition.leader_epoch = LeaderEpoch{in.leader_epoch()};
  partition.partition_epoch = PartitionEpoch{in.partition_epoch()};
  return PartitionRecord{*topic_id, std::move(partition)};
}

std::optional<MetadataRecord> from(const pb::ConfigRecord& in) {
  const auto resource = static_cast<ConfigResource>(in.resource());
  if (resource != ConfigResource::topic && resource != ConfigResource::broker && resource != ConfigResource::group) {
    return std::nullopt;
  }
  ConfigRecord record{resource, in.name(), in.key(), std::nullopt};
  if (in.has_value()) record.value = in.value();
  return record;
}

}  // namespace

std::string encode(const MetadataRecord& record) {
  pb::MetadataRecord out;
  std::visit(ToProto{out}, record);
  return out.SerializeAsString();
}

std::optional<MetadataRecord> decode(ByteView bytes) {
  pb::MetadataRecord in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  switch (in.record_case()) {
    case pb::MetadataRecord::kCluster: return ClusterRecord{in.cluster().cluster_id()};
    case pb::MetadataRecord::kBroker: return from(in.broker());
    case pb::MetadataRecord::kTopic: {
      const auto id = uuid_of(in.topic().id());
      return id ? std::optional<MetadataRecord>{TopicRecord{in.topic().name(), *id}} : std::nullopt;
    }
    case pb::MetadataRecord::kRemoveTopic: {
      const auto id = uuid_of(in.remove_topic().id());
      return id ? std::optional<MetadataRecord>{RemoveTopicRecord{*id}} : std::nullopt;
    }
    case pb::MetadataRecord::kPartition: return from(in.partition());
    case pb::MetadataRecord::kConfig: return from(in.config());
    case pb::MetadataRecord::kProducerIds: return ProducerIdsRecord{ProducerId{in.producer_ids().next()}};
    case pb::MetadataRecord::RECORD_NOT_SET: break;
  }
  return std::nullopt;
}

}  // namespace sluice::broker::controller
