#include "tests/sim/clients/cluster_view.hpp"

#include "tests/sim/node/node.hpp"

namespace sluice::sim {

using Image = std::shared_ptr<const broker::controller::MetadataImage>;

void ClusterView::refresh(std::function<void()> done) {
  const auto to = static_cast<HostId>(1 + world_.random.roll(static_cast<std::int64_t>(world_.nodes.size())));
  auto& node = world_.node(to);
  world_.network.call<Image>(
      client_, to, Line::client, 2s,
      [&node](Network::Reply<Image> reply) { node.run([&](Process& process) { reply(process.metadata().image()); }); },
      [this, done = std::move(done)](CallError, Image* image) {
        // Kafka's clients pass over what is older than what they know of a partition; an image is older as a whole.
        if (image != nullptr && (!image_ || (*image)->version() >= image_->version())) image_ = *image;
        done();
      });
}

const broker::controller::PartitionImage* ClusterView::find(const broker::replication::PartitionKey& key) const {
  const auto* topic = image_ ? image_->find_topic(key.topic_id) : nullptr;
  return topic == nullptr ? nullptr : topic->find_partition(key.partition);
}

}  // namespace sluice::sim
