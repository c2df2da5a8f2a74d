#pragma once

#include <cstdint>
#include <optional>
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

/// A broker registered, or changed its registration.
struct BrokerRecord {
  BrokerImage broker;
  friend bool operator==(const BrokerRecord&, const BrokerRecord&) = default;
};

/// First record of every metadata log.
struct ClusterRecord {
  std::string cluster_id;
  friend bool operator==(const ClusterRecord&, const ClusterRecord&) = default;
};

/// One change of the cluster's metadata. In the metadata log it is the value of one record, as metadata_record.proto
/// serializes it.
using MetadataRecord = std::variant<ClusterRecord, BrokerRecord, TopicRecord, RemoveTopicRecord, PartitionRecord,
                                    ConfigRecord, ProducerIdsRecord>;

std::string encode(const MetadataRecord& record);

/// nullopt: not a record that this version understands.
std::optional<MetadataRecord> decode(ByteView bytes);

}  // namespace sluice::broker::controller
