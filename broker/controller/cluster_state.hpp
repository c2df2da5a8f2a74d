#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/config/broker_config.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/controller/metadata_record.hpp"
#include "protocol/messages/allocate_producer_ids.hpp"
#include "protocol/messages/alter_configs.hpp"
#include "protocol/messages/create_partitions.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/delete_topics.hpp"
#include "protocol/messages/incremental_alter_configs.hpp"

namespace sluice::broker::controller {

/// What to answer once `records` are durable and replayed. No records: nothing changes.
template <class Response>
struct Decision {
  Response response;
  std::vector<MetadataRecord> records;
};

/// An image to publish, and what it changed.
struct ImageChange {
  std::shared_ptr<const MetadataImage> before;
  std::shared_ptr<const MetadataImage> after;
  MetadataDelta delta;
};

/// The cluster's metadata and the rules for changing it. Pure: no clock, no I/O, no locks.
///
/// `handle` decides and changes nothing; `replay` is the only mutator and serves live commands and start-up alike, so
/// that the state is a function of the records. A value: copies share structure, so that a driver which could not make
/// the records durable goes back to the copy it took after the last take_change().
///
/// Errors of a request's items are Kafka's codes within its response; one bad item never holds back the others.
class ClusterState {
 public:
  /// `config` holds this broker's static settings (defaults of new topics); `make_uuid` gives ids of new topics.
  ClusterState(std::shared_ptr<const config::BrokerConfig> config, std::function<Uuid()> make_uuid);

  Decision<protocol::CreateTopicsResponse> handle(const protocol::CreateTopicsRequest& request) const;
  Decision<protocol::DeleteTopicsResponse> handle(const protocol::DeleteTopicsRequest& request) const;
  Decision<protocol::CreatePartitionsResponse> handle(const protocol::CreatePartitionsRequest& request) const;
  Decision<protocol::AlterConfigsResponse> handle(const protocol::AlterConfigsRequest& request) const;
  Decision<protocol::IncrementalAlterConfigsResponse> handle(
      const protocol::IncrementalAlterConfigsRequest& request) const;
  Decision<protocol::AllocateProducerIdsResponse> handle(const protocol::AllocateProducerIdsRequest& request) const;

  /// Applies the record at `offset` of the metadata log. Pre: the records before it were applied.
  void replay(const MetadataRecord& record, Offset offset);

  /// As of the last record replayed.
  const MetadataImage& image() const noexcept { return image_; }

  /// Everything replayed since the last call, as an immutable image.
  ImageChange take_change();

 private:
  /// A topic changed since the last take_change: `after` may be changed in place, nobody else holds it.
  struct OpenTopic {
    std::shared_ptr<const TopicImage> before;
    std::shared_ptr<TopicImage> after;
  };

  void apply(const ClusterRecord& record);
  void apply(const BrokerRecord& record);
  void apply(const TopicRecord& record);
  void apply(const RemoveTopicRecord& record);
  void apply(const PartitionRecord& record);
  void apply(const ConfigRecord& record);
  void apply(const ProducerIdsRecord& record);
  TopicImage& edit_topic(const Uuid& id);

  /// The static settings with the cluster-wide dynamic ones over them.
  config::BrokerConfig effective_config() const;

  std::shared_ptr<const config::BrokerConfig> config_;
  std::function<Uuid()> make_uuid_;
  MetadataImage image_;
  std::shared_ptr<const MetadataImage> published_ = std::make_shared<const MetadataImage>();
  std::unordered_map<Uuid, OpenTopic> open_;
  MetadataDelta delta_;  ///< all but the topics, which take_change derives from `open_`
};

}  // namespace sluice::broker::controller
