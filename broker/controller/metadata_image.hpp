#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/controller/shared_index.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/uuid.hpp"

namespace sluice::broker::controller {

/// Counts the changes of one partition's record: the expected version of an ISR change (KIP-497).
using PartitionEpoch = Id<struct PartitionEpochTag, std::int32_t>;
/// Where in the metadata log a broker's registration is: tells its life from the one before.
using BrokerEpoch = Id<struct BrokerEpochTag, std::int64_t>;

inline constexpr BrokerEpoch kNoBrokerEpoch{-1};

using ConfigMap = std::map<std::string, std::string>;
using FeatureMap = std::map<std::string, std::int16_t, std::less<>>;

struct EndpointImage {
  std::string listener_name;
  std::string host;
  std::int32_t port = 0;
  std::string security_protocol = "PLAINTEXT";

  friend bool operator==(const EndpointImage&, const EndpointImage&) = default;
};

struct BrokerImage {
  BrokerId id = kNoBroker;
  std::optional<std::string> rack{};
  std::vector<EndpointImage> endpoints{};
  bool fenced = false;                  ///< silent or not caught up: no leader, and not told to clients
  bool in_controlled_shutdown = false;  ///< leads nothing new, and joins no ISR
  BrokerEpoch epoch = kNoBrokerEpoch;
  Uuid incarnation{};                 ///< of the process: made anew at every start
  std::vector<Uuid> directories{};    ///< its data directories that can be used, ascending
  std::int32_t capacity = 1;          ///< its share of new replicas, against those of others (sluice.capacity)
  bool is_controller = false;         ///< takes part in the metadata quorum
  bool was_shut_down_cleanly = true;  ///< else what it had not synced may be gone (KIP-966)

  /// May lead and be given replicas.
  bool is_active() const noexcept { return !fenced && !in_controlled_shutdown; }
  /// Null when the broker has no listener of that name.
  const EndpointImage* find_endpoint(std::string_view listener_name) const noexcept;
  friend bool operator==(const BrokerImage&, const BrokerImage&) = default;
};

/// How a partition's leader came to be (KIP-966): after an unclean election the leader's log is the truth, whatever it
/// lacks.
enum class LeaderRecovery : std::uint8_t { recovered = 0, recovering = 1 };

struct PartitionImage {
  PartitionId partition{};
  std::vector<BrokerId> replicas{};  ///< the first is the preferred leader
  std::vector<BrokerId> isr{};       ///< subset of `replicas`; empty only while nobody can lead
  BrokerId leader = kNoBroker;       ///< a member of `isr`, or none
  LeaderEpoch leader_epoch{0};
  PartitionEpoch partition_epoch{0};
  /// Left the ISR while it was no larger than min.insync.replicas: they have everything below the high watermark, and
  /// may lead (KIP-966). Disjoint from `isr`.
  std::vector<BrokerId> elr{};
  std::vector<BrokerId> last_known_elr{};  ///< the last leader before nobody was left, and those thrown out of the ELR
  std::vector<BrokerId> adding{};          ///< of `replicas`: on their way in
  std::vector<BrokerId> removing{};        ///< of `replicas`: on their way out
  LeaderRecovery recovery = LeaderRecovery::recovered;

  bool has_replica(BrokerId id) const noexcept { return std::ranges::find(replicas, id) != replicas.end(); }
  bool is_in_sync(BrokerId id) const noexcept { return std::ranges::find(isr, id) != isr.end(); }

  friend bool operator==(const PartitionImage&, const PartitionImage&) = default;
};

struct TopicImage {
  std::string name;
  Uuid id;
  bool internal = false;                   ///< the broker's own: clients may not produce to it or create it
  std::vector<PartitionImage> partitions;  ///< partition n at index n
  ConfigMap configs;                       ///< overrides only

  /// Null when `partition` is out of range, negative included.
  const PartitionImage* find_partition(PartitionId partition) const noexcept;
  friend bool operator==(const TopicImage&, const TopicImage&) = default;
};

/// What was set for one consumer group. It need not exist: settings may be there before it.
struct GroupImage {
  std::string id;
  ConfigMap configs;  ///< never empty

  friend bool operator==(const GroupImage&, const GroupImage&) = default;
};

/// Names of the topics that only the broker itself creates and writes.
bool is_internal_topic(std::string_view name) noexcept;

/// The cluster's metadata as of one record of the metadata log.
///
/// A value: copies share structure, so that publishing one change among 100,000 topics costs microseconds. Images in
/// circulation are `shared_ptr<const MetadataImage>` and never change; only ClusterState builds the next one.
class MetadataImage {
 public:
  const std::string& cluster_id() const noexcept { return cluster_id_; }
  /// Offset of the last metadata record applied; kNoOffset for the empty image.
  Offset version() const noexcept { return version_; }
  /// First producer id not yet handed out.
  ProducerId next_producer_id() const noexcept { return next_producer_id_; }
  /// Node ids below were given to somebody, or were chosen by hand.
  BrokerId next_node_id() const noexcept { return next_node_id_; }
  /// Finalized levels by feature name (KIP-584): metadata.version, group.version, eligible.leader.replicas.version...
  const FeatureMap& features() const noexcept { return *features_; }
  std::int16_t feature_level(std::string_view name) const noexcept;  ///< 0: not finalized

  const std::vector<BrokerImage>& brokers() const noexcept { return *brokers_; }  ///< ascending by id
  const BrokerImage* find_broker(BrokerId id) const noexcept;
  /// A live broker to send admin requests to: every one takes them. kNoBroker when all are fenced.
  BrokerId any_live_broker() const noexcept;

  std::size_t topic_count() const noexcept { return by_name_.size(); }
  /// Null when there is none. Pointers live as long as the image.
  const TopicImage* find_topic(std::string_view name) const;
  const TopicImage* find_topic(const Uuid& id) const;
  std::shared_ptr<const TopicImage> share_topic(const Uuid& id) const;
  const PartitionImage* find_partition(std::string_view topic, PartitionId partition) const;
  /// A topic whose name differs from `name` only in '.' and '_': the two would share metric names.
  const TopicImage* find_colliding_topic(std::string_view name) const;

  /// In no particular order.
  template <class Visit>
  void for_each_topic(Visit&& visit) const {
    by_name_.for_each([&](const std::shared_ptr<const TopicImage>& topic) { visit(*topic); });
  }
  /// All names, ascending. Sorted on first use and shared by the images that follow until a topic comes or goes.
  const std::vector<std::string>& topic_names() const;

  /// Dynamic settings of one broker, or of all of them by default (kNoBroker).
  const ConfigMap& broker_configs(BrokerId id) const noexcept;
  /// Of everybody who has some, whether it is registered or not.
  const std::map<BrokerId, ConfigMap>& all_broker_configs() const noexcept { return *broker_configs_; }

  /// What one consumer group overrides; empty for most.
  const ConfigMap& group_configs(std::string_view id) const;
  /// Those that override something, in no particular order.
  template <class Visit>
  void for_each_configured_group(Visit&& visit) const {
    groups_.for_each([&](const std::shared_ptr<const GroupImage>& group) { visit(*group); });
  }
  std::size_t configured_group_count() const noexcept { return groups_.size(); }

  // The rest is for ClusterState, on its own working copy.

  void set_cluster_id(std::string cluster_id) { cluster_id_ = std::move(cluster_id); }
  void set_version(Offset version) noexcept { version_ = version; }
  void set_next_producer_id(ProducerId id) noexcept { next_producer_id_ = id; }
  void set_next_node_id(BrokerId id) noexcept { next_node_id_ = id; }
  void set_feature(const std::string& name, std::int16_t level);  ///< 0: removed
  void set_broker(BrokerImage broker);
  void remove_broker(BrokerId id);
  void set_broker_config(BrokerId id, const std::string& key, std::optional<std::string> value);
  void set_group_config(const std::string& id, const std::string& key, std::optional<std::string> value);
  void add_topic(std::shared_ptr<const TopicImage> topic);
  /// Name and id stay the same.
  void replace_topic(const TopicImage& before, std::shared_ptr<const TopicImage> after);
  void remove_topic(const TopicImage& topic);

 private:
  struct SortedNames;

  std::string cluster_id_;
  Offset version_ = kNoOffset;
  ProducerId next_producer_id_{0};
  BrokerId next_node_id_{1};
  std::shared_ptr<const FeatureMap> features_ = std::make_shared<FeatureMap>();
  std::shared_ptr<const std::vector<BrokerImage>> brokers_ = std::make_shared<std::vector<BrokerImage>>();
  std::shared_ptr<const std::map<BrokerId, ConfigMap>> broker_configs_ =
      std::make_shared<std::map<BrokerId, ConfigMap>>();
  SharedIndex<TopicImage> by_name_;  ///< hashed with '.' taken for '_', so that colliding names meet
  SharedIndex<TopicImage> by_id_;
  SharedIndex<GroupImage> groups_;
  std::shared_ptr<SortedNames> names_ = make_names();

  static std::shared_ptr<SortedNames> make_names();
};

/// Same content, whatever the history and the sharing; `version` included.
bool operator==(const MetadataImage& left, const MetadataImage& right);

struct TopicChange {
  std::shared_ptr<const TopicImage> before;  ///< null: created
  std::shared_ptr<const TopicImage> after;   ///< null: deleted
};

/// What changed from one image to the next. At start everything is new, `before` being the empty image.
struct MetadataDelta {
  std::vector<TopicChange> topics;
  std::vector<BrokerId> broker_configs;  ///< whose dynamic settings changed; kNoBroker: the default of all
  bool brokers_changed = false;
  bool features_changed = false;

  bool empty() const noexcept {
    return topics.empty() && broker_configs.empty() && !brokers_changed && !features_changed;
  }
};

}  // namespace sluice::broker::controller
