#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "protocol/base/bytes.hpp"

namespace sluice::broker::controller {

/// Begins a topic without partitions; its PartitionRecords and ConfigRecords follow.
struct TopicRecord {
  std::string name;
  Uuid id;
  friend bool operator==(const TopicRecord&, const TopicRecord&) = default;
};

struct RemoveTopicRecord {
  Uuid id;
  friend bool operator==(const RemoveTopicRecord&, const RemoveTopicRecord&) = default;
};

/// A partition's whole state: of a new partition (the topic's next index) or of one that exists.
struct PartitionRecord {
  Uuid topic_id;
  PartitionImage partition;
  friend bool operator==(const PartitionRecord&, const PartitionRecord&) = default;
};

/// Numbers as in DescribeConfigs.
enum class ConfigResource : std::int8_t { topic = 2, broker = 4, broker_logger = 8, client_metrics = 16, group = 32 };

struct ConfigRecord {
  ConfigResource resource = ConfigResource::topic;  ///< topic, broker or group
  std::string name;  ///< of the topic or group; of a broker its id, "" being the default of all
  std::string key;
  std::optional<std::string> value;  ///< nullopt: back to the default
  friend bool operator==(const ConfigRecord&, const ConfigRecord&) = default;
};

struct ProducerIdsRecord {
  ProducerId next;  ///< first id not yet handed out
  friend bool operator==(const ProducerIdsRecord&, const ProducerIdsRecord&) = default;
};

/// A broker's whole registration and state: new, or in place of what was known. An `epoch` of kNoBrokerEpoch stands for
/// the record's own offset: it registers anew.
struct BrokerRecord {
  BrokerImage broker;
  friend bool operator==(const BrokerRecord&, const BrokerRecord&) = default;
};

/// A broker that will not come back, or is to be forgotten (UnregisterBroker).
struct RemoveBrokerRecord {
  BrokerId id;
  friend bool operator==(const RemoveBrokerRecord&, const RemoveBrokerRecord&) = default;
};

struct FeatureRecord {
  std::string name;
  std::int16_t level = 0;  ///< 0: not finalized any more
  friend bool operator==(const FeatureRecord&, const FeatureRecord&) = default;
};

struct NodeIdsRecord {
  BrokerId next;  ///< first id that may be given to a node that has none
  friend bool operator==(const NodeIdsRecord&, const NodeIdsRecord&) = default;
};

/// First record of every metadata log.
struct ClusterRecord {
  std::string cluster_id;
  friend bool operator==(const ClusterRecord&, const ClusterRecord&) = default;
};

/// One change of the cluster's metadata.
using MetadataRecord = std::variant<ClusterRecord, BrokerRecord, TopicRecord, RemoveTopicRecord, PartitionRecord,
                                    ConfigRecord, ProducerIdsRecord, RemoveBrokerRecord, FeatureRecord, NodeIdsRecord>;

/// What one decision changes, all of it or nothing: the data of one command in the metadata log, as
/// metadata_record.proto serializes it. Its records share the command's index as their offset.
std::string encode(std::span<const MetadataRecord> records);

/// nullopt: something in it is not a record that this version understands.
std::optional<std::vector<MetadataRecord>> decode(ByteView bytes);

}  // namespace sluice::broker::controller
