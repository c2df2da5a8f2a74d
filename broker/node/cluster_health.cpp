#include "broker/node/cluster_health.hpp"

#include "broker/config/topic_settings.hpp"

namespace sluice::broker::node {

using controller::MetadataImage;
using controller::TopicImage;

ClusterHealth ClusterHealthCount::of(const std::shared_ptr<const MetadataImage>& image) {
  const std::lock_guard lock{mutex_};
  if (counted_ != image) {
    health_ = count(*image);
    counted_ = image;
  }
  return health_;
}

ClusterHealth ClusterHealthCount::count(const MetadataImage& image) const {
  ClusterHealth health;
  health.brokers = image.brokers().size();
  for (const auto& broker : image.brokers()) health.brokers_fenced += broker.fenced ? 1 : 0;
  health.topics = image.topic_count();
  const auto config = config_.with_dynamic_defaults(image.broker_configs(kNoBroker));
  const auto min_by_default = static_cast<std::size_t>(config::resolve(config, {}).min_insync_replicas);
  image.for_each_topic([&](const TopicImage& topic) {
    const auto min_in_sync = topic.configs.empty()
                                 ? min_by_default
                                 : static_cast<std::size_t>(config::resolve(config, topic.configs).min_insync_replicas);
    for (const auto& partition : topic.partitions) {
      const bool is_behind = partition.isr.size() < partition.replicas.size();
      const bool is_under_min = partition.isr.size() < min_in_sync;
      ++health.partitions;
      health.offline += partition.leader == kNoBroker ? 1 : 0;
      health.under_replicated += is_behind ? 1 : 0;
      health.under_min_isr += is_under_min ? 1 : 0;
      if (partition.leader != self_) continue;
      ++health.led;
      health.led_under_replicated += is_behind ? 1 : 0;
      health.led_under_min_isr += is_under_min ? 1 : 0;
    }
  });
  return health;
}

}  // namespace sluice::broker::node
