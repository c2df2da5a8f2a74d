#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/config/broker_config.hpp"
#include "broker/controller/broker_calls.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/controller/metadata_record.hpp"
#include "protocol/messages/allocate_producer_ids.hpp"
#include "protocol/messages/alter_configs.hpp"
#include "protocol/messages/create_partitions.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/delete_topics.hpp"
#include "protocol/messages/elect_leaders.hpp"
#include "protocol/messages/incremental_alter_configs.hpp"
#include "protocol/messages/unregister_broker.hpp"
#include "protocol/messages/update_features.hpp"

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

/// What the rules need to know that is in no record: who is heard of, as of now. Of the active controller only.
struct Circumstances {
  Timestamp now{0};
  /// Whether that broker was heard of within its session.
  std::function<bool(BrokerId)> has_session = [](BrokerId) { return true; };
  /// Whether that node is of the metadata quorum: one that is no broker is in no record.
  std::function<bool(BrokerId)> is_in_quorum = [](BrokerId) { return false; };
};

/// The cluster's metadata and the rules for changing it. Pure: no clock, no I/O, no locks.
///
/// `handle` and the decisions beside it decide and change nothing; `replay` is the only mutator and serves the active
/// controller, every follower of the metadata log and snapshots alike, so that the state is a function of the records.
/// A value: copies share structure, so that the active controller keeps one that is ahead of what is committed.
///
/// Errors of a request's items are Kafka's codes within its response; one bad item never holds back the others.
class ClusterState {
 public:
  /// `config` holds this broker's static settings (defaults of new topics); `make_uuid` gives ids of new topics.
  ClusterState(std::shared_ptr<const config::BrokerConfig> config, std::function<Uuid()> make_uuid);
  ClusterState(const ClusterState& other);
  ClusterState& operator=(const ClusterState& other);
  ClusterState(ClusterState&&) = default;
  ClusterState& operator=(ClusterState&&) = default;
  ~ClusterState() = default;

  Decision<protocol::CreateTopicsResponse> handle(const protocol::CreateTopicsRequest& request) const;
  Decision<protocol::DeleteTopicsResponse> handle(const protocol::DeleteTopicsRequest& request) const;
  Decision<protocol::CreatePartitionsResponse> handle(const protocol::CreatePartitionsRequest& request) const;
  Decision<protocol::AlterConfigsResponse> handle(const protocol::AlterConfigsRequest& request) const;
  Decision<protocol::IncrementalAlterConfigsResponse> handle(
      const protocol::IncrementalAlterConfigsRequest& request) const;
  Decision<protocol::AllocateProducerIdsResponse> handle(const protocol::AllocateProducerIdsRequest& request) const;
  Decision<protocol::ElectLeadersResponse> handle(const protocol::ElectLeadersRequest& request) const;
  Decision<protocol::UnregisterBrokerResponse> handle(const protocol::UnregisterBrokerRequest& request) const;
  Decision<protocol::UpdateFeaturesResponse> handle(const protocol::UpdateFeaturesRequest& request) const;

  /// A known id registers anew when it is the same disks (whatever the session: a restarted process takes over at once)
  /// or when the session of the one before is over. It begins fenced.
  Decision<RegisterBrokerResponse> handle(const RegisterBrokerRequest& request, const Circumstances& is) const;
  /// Unfences, fences, begins a controlled shutdown (whose broker hands over what it leads), as asked for.
  Decision<HeartbeatResponse> handle(const HeartbeatRequest& request) const;
  Decision<AlterPartitionResponse> handle(const AlterPartitionRequest& request) const;
  Decision<JoinResponse> handle(const JoinRequest& request, const Circumstances& is) const;

  // What the active controller does unasked. Each gives the records, none where there is nothing to do.

  /// The broker is not heard any more: fenced, out of every ISR it is not the last of (KIP-966), and what it led is led
  /// by others: of the ISR, else of the ELR, else of any replica where unclean.leader.election.enable says so.
  std::vector<MetadataRecord> fence(BrokerId broker) const;
  /// Leadership back to the first replica, where it is in sync and active: of brokers that lead less than their share
  /// by more than `imbalance_percent`; at most `max` partitions.
  std::vector<MetadataRecord> balance_leaders(int imbalance_percent, std::size_t max) const;
  /// Internal topics that have fewer replicas than they should (their replication factor setting, and there are brokers
  /// for it) get more: at most `max` partitions.
  std::vector<MetadataRecord> grow_internal_topics(std::size_t max) const;
  /// What a decision that was more than one command, whose controller did not live to its end, left undone: fenced
  /// brokers in ISRs, leaders that may not lead, partitions without a leader that have somebody to lead them. Also
  /// where unclean elections have become allowed, or a replica is back. At most `max` partitions.
  std::vector<MetadataRecord> repair(std::size_t max) const;
  /// Replicas on their way in that are in sync now are there; those on their way out go once all that come are there.
  std::vector<MetadataRecord> finish_moves(std::size_t max) const;
  /// The first records of a cluster: its id and the features of this version.
  std::vector<MetadataRecord> found_cluster(const std::string& cluster_id) const;
  /// Settings that all brokers must have alike and the cluster has no value of: this node's (cluster_defaults.hpp).
  std::vector<MetadataRecord> settle_defaults() const;

  /// Applies the records of the command at `index` of the metadata log. Pre: the commands before it were applied.
  void replay(std::span<const MetadataRecord> records, Offset index);

  /// As of the last command replayed.
  const MetadataImage& image() const noexcept { return image_; }

  /// Everything replayed since the last call, as an immutable image.
  ImageChange take_change();

  /// All of it, in records that give the same state when they are replayed on an empty one: a snapshot's content.
  std::vector<MetadataRecord> to_records() const;
  /// In place of what was: a snapshot as of `index`. The next take_change() tells of the difference.
  void reset(std::span<const MetadataRecord> records, Offset index);

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
  void apply(const RemoveBrokerRecord& record);
  void apply(const FeatureRecord& record);
  void apply(const NodeIdsRecord& record);
  TopicImage& edit_topic(const Uuid& id);

  /// The broker is active from here on: it leads what nobody led and it can.
  std::vector<MetadataRecord> unfence(const BrokerImage& broker, const HeartbeatRequest& request) const;
  std::vector<MetadataRecord> vacate(const HeartbeatRequest& request) const;
  /// The broker is leaving: others lead what they can.
  std::vector<MetadataRecord> hand_over(const BrokerImage& broker) const;
  /// The partitions of those topics, with an empty ELR where there is one.
  std::vector<MetadataRecord> without_elr(const std::function<bool(const TopicImage&)>& is_concerned) const;
  /// Where `records` change how many in-sync replicas suffice.
  void prepend_lost_eligibility(std::vector<MetadataRecord>& records) const;

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
