#include "broker/controller/metadata_record.hpp"

#include <limits>

#include "broker/controller/metadata_proto.hpp"

namespace sluice::broker::controller {
namespace {

struct ToProto {
  pb::MetadataRecord& out;

  void operator()(const ClusterRecord& record) const { out.mutable_cluster()->set_cluster_id(record.cluster_id); }
  void operator()(const BrokerRecord& record) const { to_proto(record.broker, *out.mutable_broker()); }
  void operator()(const TopicRecord& record) const {
    out.mutable_topic()->set_name(record.name);
    out.mutable_topic()->set_id(uuid_bytes(record.id));
  }
  void operator()(const RemoveTopicRecord& record) const { out.mutable_remove_topic()->set_id(uuid_bytes(record.id)); }
  void operator()(const PartitionRecord& record) const {
    out.mutable_partition()->set_topic_id(uuid_bytes(record.topic_id));
    to_proto(record.partition, *out.mutable_partition());
  }
  void operator()(const ConfigRecord& record) const {
    auto& to = *out.mutable_config();
    to.set_resource(static_cast<std::int32_t>(record.resource));
    to.set_name(record.name);
    to.set_key(record.key);
    if (record.value) to.set_value(*record.value);
  }
  void operator()(const ProducerIdsRecord& record) const { out.mutable_producer_ids()->set_next(record.next.value()); }
  void operator()(const RemoveBrokerRecord& record) const { out.mutable_remove_broker()->set_id(record.id.value()); }
  void operator()(const FeatureRecord& record) const {
    out.mutable_feature()->set_name(record.name);
    out.mutable_feature()->set_level(record.level);
  }
  void operator()(const NodeIdsRecord& record) const { out.mutable_node_ids()->set_next(record.next.value()); }
};

using MaybeRecord = std::optional<MetadataRecord>;

MaybeRecord broker_record(const pb::BrokerRecord& in) {
  auto broker = from_proto(in);
  return broker ? MaybeRecord{BrokerRecord{*std::move(broker)}} : std::nullopt;
}

MaybeRecord partition_record(const pb::PartitionRecord& in) {
  const auto topic_id = uuid_of(in.topic_id());
  auto partition = from_proto(in);
  if (!topic_id || !partition) return std::nullopt;
  return PartitionRecord{*topic_id, *std::move(partition)};
}

MaybeRecord config_record(const pb::ConfigRecord& in) {
  const auto resource = static_cast<ConfigResource>(in.resource());
  if (resource != ConfigResource::topic && resource != ConfigResource::broker && resource != ConfigResource::group) {
    return std::nullopt;
  }
  ConfigRecord record{resource, in.name(), in.key(), std::nullopt};
  if (in.has_value()) record.value = in.value();
  return record;
}

MaybeRecord from_proto(const pb::MetadataRecord& in) {
  switch (in.record_case()) {
    case pb::MetadataRecord::kCluster: return ClusterRecord{in.cluster().cluster_id()};
    case pb::MetadataRecord::kBroker: return broker_record(in.broker());
    case pb::MetadataRecord::kTopic: {
      const auto id = uuid_of(in.topic().id());
      return id ? MaybeRecord{TopicRecord{in.topic().name(), *id}} : std::nullopt;
    }
    case pb::MetadataRecord::kRemoveTopic: {
      const auto id = uuid_of(in.remove_topic().id());
      return id ? MaybeRecord{RemoveTopicRecord{*id}} : std::nullopt;
    }
    case pb::MetadataRecord::kPartition: return partition_record(in.partition());
    case pb::MetadataRecord::kConfig: return config_record(in.config());
    case pb::MetadataRecord::kProducerIds: return ProducerIdsRecord{ProducerId{in.producer_ids().next()}};
    case pb::MetadataRecord::kRemoveBroker: return RemoveBrokerRecord{BrokerId{in.remove_broker().id()}};
    case pb::MetadataRecord::kFeature:
      return FeatureRecord{in.feature().name(), static_cast<std::int16_t>(in.feature().level())};
    case pb::MetadataRecord::kNodeIds: return NodeIdsRecord{BrokerId{in.node_ids().next()}};
    case pb::MetadataRecord::RECORD_NOT_SET: break;
  }
  return std::nullopt;
}

}  // namespace

std::string encode(std::span<const MetadataRecord> records) {
  pb::MetadataCommand out;
  for (const auto& record : records) std::visit(ToProto{*out.add_records()}, record);
  return out.SerializeAsString();
}

std::optional<std::vector<MetadataRecord>> decode(ByteView bytes) {
  pb::MetadataCommand in;
  if (bytes.size() > std::numeric_limits<int>::max()) return std::nullopt;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  std::vector<MetadataRecord> records;
  records.reserve(static_cast<std::size_t>(in.records_size()));
  for (const auto& one : in.records()) {
    auto record = from_proto(one);
    if (!record) return std::nullopt;
    records.push_back(*std::move(record));
  }
  return records;
}

}  // namespace sluice::broker::controller
