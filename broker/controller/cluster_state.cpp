#include "broker/controller/cluster_state.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "protocol/base/assert.hpp"

namespace sluice::broker::controller {

ClusterState::ClusterState(std::shared_ptr<const config::BrokerConfig> config, std::function<Uuid()> make_uuid)
    : config_(std::move(config)), make_uuid_(std::move(make_uuid)) {}

ClusterState::ClusterState(const ClusterState& other)
    : config_(other.config_),
      make_uuid_(other.make_uuid_),
      image_(other.image_),
      published_(other.published_),
      open_(other.open_),
      delta_(other.delta_) {
  // What one changes in place, the other must not see.
  for (auto& [id, topic] : open_) {
    if (topic.after == nullptr) continue;
    auto own = std::make_shared<TopicImage>(*topic.after);
    image_.replace_topic(*topic.after, own);
    topic.after = std::move(own);
  }
}

ClusterState& ClusterState::operator=(const ClusterState& other) {
  if (this != &other) *this = ClusterState{other};
  return *this;
}

void ClusterState::replay(std::span<const MetadataRecord> records, Offset index) {
  SLUICE_ASSERT(index > image_.version(), index, image_.version());
  image_.set_version(index);
  for (const auto& record : records) {
    std::visit([this](const auto& one) { apply(one); }, record);
  }
}

void ClusterState::apply(const ClusterRecord& record) {
  image_.set_cluster_id(record.cluster_id);
  delta_.features_changed = true;
}

void ClusterState::apply(const BrokerRecord& record) {
  auto broker = record.broker;
  if (broker.epoch == kNoBrokerEpoch) broker.epoch = BrokerEpoch{image_.version().value()};
  image_.set_broker(std::move(broker));
  delta_.brokers_changed = true;
}

void ClusterState::apply(const RemoveBrokerRecord& record) {
  image_.remove_broker(record.id);
  delta_.brokers_changed = true;
}

void ClusterState::apply(const FeatureRecord& record) {
  image_.set_feature(record.name, record.level);
  delta_.features_changed = true;
}

void ClusterState::apply(const NodeIdsRecord& record) { image_.set_next_node_id(record.next); }

void ClusterState::apply(const TopicRecord& record) {
  auto topic = std::make_shared<TopicImage>();
  topic->name = record.name;
  topic->id = record.id;
  topic->internal = is_internal_topic(record.name);
  open_.emplace(record.id, OpenTopic{nullptr, topic});
  image_.add_topic(std::move(topic));
}

void ClusterState::apply(const RemoveTopicRecord& record) {
  auto topic = image_.share_topic(record.id);
  SLUICE_ASSERT(topic != nullptr, record.id);
  image_.remove_topic(*topic);
  const auto open = open_.find(record.id);
  if (open == open_.end()) {
    open_.emplace(record.id, OpenTopic{std::move(topic), nullptr});
  } else {
    open->second.after = nullptr;
  }
}

void ClusterState::apply(const PartitionRecord& record) {
  auto& partitions = edit_topic(record.topic_id).partitions;
  const auto index = static_cast<std::size_t>(record.partition.partition.value());
  SLUICE_ASSERT(index <= partitions.size(), index, partitions.size());
  if (index == partitions.size()) {
    partitions.push_back(record.partition);
  } else {
    partitions[index] = record.partition;
  }
}

void ClusterState::apply(const ConfigRecord& record) {
  if (record.resource == ConfigResource::broker) {
    BrokerId id = kNoBroker;
    if (!record.name.empty()) {
      std::int32_t number = 0;
      std::from_chars(record.name.data(), record.name.data() + record.name.size(), number);
      id = BrokerId{number};
    }
    image_.set_broker_config(id, record.key, record.value);
    if (std::find(delta_.broker_configs.begin(), delta_.broker_configs.end(), id) == delta_.broker_configs.end()) {
      delta_.broker_configs.push_back(id);
    }
    return;
  }
  if (record.resource == ConfigResource::group) {
    image_.set_group_config(record.name, record.key, record.value);
    return;
  }
  const auto* found = image_.find_topic(record.name);
  SLUICE_ASSERT(found != nullptr, record.name);
  auto& configs = edit_topic(found->id).configs;
  if (record.value) {
    configs.insert_or_assign(record.key, *record.value);
  } else {
    configs.erase(record.key);
  }
}

void ClusterState::apply(const ProducerIdsRecord& record) { image_.set_next_producer_id(record.next); }

TopicImage& ClusterState::edit_topic(const Uuid& id) {
  if (const auto open = open_.find(id); open != open_.end()) {
    SLUICE_ASSERT(open->second.after != nullptr, id);
    return *open->second.after;
  }
  auto before = image_.share_topic(id);
  SLUICE_ASSERT(before != nullptr, id);
  auto after = std::make_shared<TopicImage>(*before);
  image_.replace_topic(*before, after);
  return *open_.emplace(id, OpenTopic{std::move(before), std::move(after)}).first->second.after;
}

ImageChange ClusterState::take_change() {
  ImageChange change{published_, std::make_shared<const MetadataImage>(image_), std::exchange(delta_, {})};
  change.delta.topics.reserve(open_.size());
  for (auto& [id, topic] : open_) {
    if (topic.before == nullptr && topic.after == nullptr) continue;  // came and went unseen
    change.delta.topics.push_back({std::move(topic.before), std::move(topic.after)});
  }
  // Deletions first: a topic created under the name of a deleted one needs its place.
  std::stable_partition(change.delta.topics.begin(), change.delta.topics.end(),
                        [](const TopicChange& topic) { return topic.after == nullptr; });
  open_.clear();
  published_ = change.after;
  return change;
}

config::BrokerConfig ClusterState::effective_config() const {
  return config_->with_dynamic_defaults(image_.broker_configs(kNoBroker));
}

}  // namespace sluice::broker::controller
