#include "broker/controller/metadata_image.hpp"

#include <algorithm>
#include <array>
#include <mutex>

#include "protocol/base/assert.hpp"

namespace sluice::broker::controller {
namespace {

char collision_char(char c) noexcept { return c == '.' ? '_' : c; }

/// FNV-1a, then mixed so that the low bits, which choose the slots, depend on all characters.
std::uint64_t hash_of(std::string_view name) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(collision_char(c))) * 0x100000001b3ULL;
  hash ^= hash >> 32;
  hash *= 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 29);
}

std::uint64_t hash_of(const Uuid& id) noexcept { return std::hash<Uuid>{}(id); }

bool collide(std::string_view left, std::string_view right) noexcept {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char l, char r) { return collision_char(l) == collision_char(r); });
}

const TopicImage* pointee(const std::shared_ptr<const TopicImage>* found) noexcept {
  return found == nullptr ? nullptr : found->get();
}

}  // namespace

struct MetadataImage::SortedNames {
  std::once_flag once;
  std::vector<std::string> names;
};

std::shared_ptr<MetadataImage::SortedNames> MetadataImage::make_names() { return std::make_shared<SortedNames>(); }

bool is_internal_topic(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 3> kInternal{"__consumer_offsets", "__transaction_state",
                                                             "__share_group_state"};
  return std::find(kInternal.begin(), kInternal.end(), name) != kInternal.end();
}

const EndpointImage* BrokerImage::find_endpoint(std::string_view listener_name) const noexcept {
  for (const auto& endpoint : endpoints) {
    if (endpoint.listener_name == listener_name) return &endpoint;
  }
  return nullptr;
}

const PartitionImage* TopicImage::find_partition(PartitionId partition) const noexcept {
  if (partition.value() < 0 || static_cast<std::size_t>(partition.value()) >= partitions.size()) return nullptr;
  return &partitions[static_cast<std::size_t>(partition.value())];
}

const BrokerImage* MetadataImage::find_broker(BrokerId id) const noexcept {
  const auto at = std::lower_bound(brokers_->begin(), brokers_->end(), id,
                                   [](const BrokerImage& broker, BrokerId wanted) { return broker.id < wanted; });
  return at == brokers_->end() || at->id != id ? nullptr : &*at;
}

BrokerId MetadataImage::any_live_broker() const noexcept {
  for (const auto& broker : *brokers_) {
    if (!broker.fenced) return broker.id;
  }
  return kNoBroker;
}

std::int16_t MetadataImage::feature_level(std::string_view name) const noexcept {
  const auto found = features_->find(name);
  return found == features_->end() ? std::int16_t{0} : found->second;
}

const TopicImage* MetadataImage::find_topic(std::string_view name) const {
  return pointee(by_name_.find(hash_of(name), [&](const TopicImage& topic) { return topic.name == name; }));
}

const TopicImage* MetadataImage::find_topic(const Uuid& id) const {
  return pointee(by_id_.find(hash_of(id), [&](const TopicImage& topic) { return topic.id == id; }));
}

std::shared_ptr<const TopicImage> MetadataImage::share_topic(const Uuid& id) const {
  const auto* found = by_id_.find(hash_of(id), [&](const TopicImage& topic) { return topic.id == id; });
  return found == nullptr ? nullptr : *found;
}

const PartitionImage* MetadataImage::find_partition(std::string_view topic, PartitionId partition) const {
  const auto* found = find_topic(topic);
  return found == nullptr ? nullptr : found->find_partition(partition);
}

const TopicImage* MetadataImage::find_colliding_topic(std::string_view name) const {
  return pointee(by_name_.find(
      hash_of(name), [&](const TopicImage& topic) { return topic.name != name && collide(topic.name, name); }));
}

const std::vector<std::string>& MetadataImage::topic_names() const {
  std::call_once(names_->once, [this] {
    auto& names = names_->names;
    names.reserve(topic_count());
    for_each_topic([&](const TopicImage& topic) { names.push_back(topic.name); });
    std::sort(names.begin(), names.end());
  });
  return names_->names;
}

const ConfigMap& MetadataImage::broker_configs(BrokerId id) const noexcept {
  static const ConfigMap kNone;
  const auto found = broker_configs_->find(id);
  return found == broker_configs_->end() ? kNone : found->second;
}

const ConfigMap& MetadataImage::group_configs(std::string_view id) const {
  static const ConfigMap kNone;
  const auto* found = groups_.find(hash_of(id), [&](const GroupImage& group) { return group.id == id; });
  return found == nullptr ? kNone : (*found)->configs;
}

void MetadataImage::set_group_config(const std::string& id, const std::string& key, std::optional<std::string> value) {
  const auto hash = hash_of(id);
  const auto* found = groups_.find(hash, [&](const GroupImage& group) { return group.id == id; });
  const auto before = found == nullptr ? nullptr : *found;  // held while its place is taken
  auto after = std::make_shared<GroupImage>(before == nullptr ? GroupImage{id, {}} : *before);
  if (value) {
    after->configs.insert_or_assign(key, *std::move(value));
  } else {
    after->configs.erase(key);
  }
  if (before == nullptr) {
    if (!after->configs.empty()) groups_.insert(hash, std::move(after));
  } else if (after->configs.empty()) {
    groups_.erase(hash, before.get());
  } else {
    groups_.replace(hash, before.get(), std::move(after));
  }
}

void MetadataImage::set_broker(BrokerImage broker) {
  auto brokers = *brokers_;
  const auto at = std::lower_bound(brokers.begin(), brokers.end(), broker.id,
                                   [](const BrokerImage& left, BrokerId wanted) { return left.id < wanted; });
  if (at != brokers.end() && at->id == broker.id) {
    *at = std::move(broker);
  } else {
    brokers.insert(at, std::move(broker));
  }
  brokers_ = std::make_shared<const std::vector<BrokerImage>>(std::move(brokers));
}

void MetadataImage::remove_broker(BrokerId id) {
  auto brokers = *brokers_;
  std::erase_if(brokers, [id](const BrokerImage& broker) { return broker.id == id; });
  brokers_ = std::make_shared<const std::vector<BrokerImage>>(std::move(brokers));
}

void MetadataImage::set_feature(const std::string& name, std::int16_t level) {
  auto features = *features_;
  if (level == 0) {
    features.erase(name);
  } else {
    features.insert_or_assign(name, level);
  }
  features_ = std::make_shared<const FeatureMap>(std::move(features));
}

void MetadataImage::set_broker_config(BrokerId id, const std::string& key, std::optional<std::string> value) {
  auto all = *broker_configs_;
  auto& configs = all[id];
  if (value) {
    configs.insert_or_assign(key, *std::move(value));
  } else {
    configs.erase(key);
  }
  if (configs.empty()) all.erase(id);
  broker_configs_ = std::make_shared<const std::map<BrokerId, ConfigMap>>(std::move(all));
}

void MetadataImage::add_topic(std::shared_ptr<const TopicImage> topic) {
  SLUICE_ASSERT(find_topic(topic->name) == nullptr, topic->name);
  SLUICE_ASSERT(find_topic(topic->id) == nullptr, topic->id);
  names_ = make_names();
  by_id_.insert(hash_of(topic->id), topic);
  const auto hash = hash_of(topic->name);
  by_name_.insert(hash, std::move(topic));
}

void MetadataImage::replace_topic(const TopicImage& before, std::shared_ptr<const TopicImage> after) {
  SLUICE_ASSERT(before.id == after->id && before.name == after->name, before.name, after->name);
  const auto name_hash = hash_of(after->name);
  const auto id_hash = hash_of(after->id);
  by_id_.replace(id_hash, &before, after);
  by_name_.replace(name_hash, &before, std::move(after));
}

void MetadataImage::remove_topic(const TopicImage& topic) {
  names_ = make_names();
  const auto name_hash = hash_of(topic.name);
  by_id_.erase(hash_of(topic.id), &topic);
  by_name_.erase(name_hash, &topic);
}

bool operator==(const MetadataImage& left, const MetadataImage& right) {
  if (left.cluster_id() != right.cluster_id() || left.version() != right.version() ||
      left.next_producer_id() != right.next_producer_id() || left.next_node_id() != right.next_node_id() ||
      left.features() != right.features() || left.brokers() != right.brokers() ||
      left.topic_count() != right.topic_count() || left.all_broker_configs() != right.all_broker_configs()) {
    return false;
  }
  bool equal = left.configured_group_count() == right.configured_group_count();
  left.for_each_configured_group(
      [&](const GroupImage& group) { equal = equal && right.group_configs(group.id) == group.configs; });
  left.for_each_topic([&](const TopicImage& topic) {
    const auto* other = right.find_topic(topic.name);
    equal = equal && other != nullptr && *other == topic && right.find_topic(topic.id) == other;
  });
  return equal;
}

}  // namespace sluice::broker::controller
