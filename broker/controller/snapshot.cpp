#include <algorithm>
#include <set>

#include "broker/controller/cluster_state.hpp"

namespace sluice::broker::controller {
namespace {

void append_configs(ConfigResource resource, const std::string& name, const ConfigMap& configs,
                    std::vector<MetadataRecord>& to) {
  for (const auto& [key, value] : configs) to.emplace_back(ConfigRecord{resource, name, key, value});
}

void append_topic(const TopicImage& topic, std::vector<MetadataRecord>& to) {
  to.emplace_back(TopicRecord{topic.name, topic.id});
  append_configs(ConfigResource::topic, topic.name, topic.configs, to);
  for (const auto& partition : topic.partitions) to.emplace_back(PartitionRecord{topic.id, partition});
}

std::vector<BrokerId> whose_settings_differ(const MetadataImage& left, const MetadataImage& right) {
  std::set<BrokerId> ids;
  for (const auto& [id, configs] : left.all_broker_configs()) ids.insert(id);
  for (const auto& [id, configs] : right.all_broker_configs()) ids.insert(id);
  std::vector<BrokerId> differ;
  std::ranges::copy_if(ids, std::back_inserter(differ),
                       [&](BrokerId id) { return left.broker_configs(id) != right.broker_configs(id); });
  return differ;
}

}  // namespace

std::vector<MetadataRecord> ClusterState::to_records() const {
  std::vector<MetadataRecord> records;
  if (!image_.cluster_id().empty()) records.emplace_back(ClusterRecord{image_.cluster_id()});
  for (const auto& [name, level] : image_.features()) records.emplace_back(FeatureRecord{name, level});
  records.emplace_back(NodeIdsRecord{image_.next_node_id()});
  records.emplace_back(ProducerIdsRecord{image_.next_producer_id()});
  for (const auto& broker : image_.brokers()) records.emplace_back(BrokerRecord{broker});
  for (const auto& [id, configs] : image_.all_broker_configs()) {
    append_configs(ConfigResource::broker, id == kNoBroker ? "" : std::to_string(id.value()), configs, records);
  }
  image_.for_each_topic([&](const TopicImage& topic) { append_topic(topic, records); });
  image_.for_each_configured_group(
      [&](const GroupImage& group) { append_configs(ConfigResource::group, group.id, group.configs, records); });
  return records;
}

void ClusterState::reset(std::span<const MetadataRecord> records, Offset index) {
  ClusterState fresh{config_, make_uuid_};
  fresh.replay(records, index);

  // All its topics are open, as created ones. Those that are as published stay what they were; of the others, and of
  // those that went, the change is told from what was published.
  published_->for_each_topic([&](const TopicImage& before) {
    auto shared = published_->share_topic(before.id);
    const auto found = fresh.open_.find(before.id);
    if (found == fresh.open_.end()) {
      fresh.open_.emplace(before.id, OpenTopic{std::move(shared), nullptr});
    } else if (*found->second.after == before) {
      fresh.image_.replace_topic(*found->second.after, std::move(shared));
      fresh.open_.erase(found);
    } else {
      found->second.before = std::move(shared);
    }
  });
  fresh.delta_.brokers_changed = fresh.image_.brokers() != published_->brokers();
  fresh.delta_.features_changed =
      fresh.image_.features() != published_->features() || fresh.image_.cluster_id() != published_->cluster_id();
  fresh.delta_.broker_configs = whose_settings_differ(*published_, fresh.image_);
  fresh.published_ = published_;
  *this = std::move(fresh);
}

}  // namespace sluice::broker::controller
