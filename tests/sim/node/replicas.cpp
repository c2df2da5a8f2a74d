#include "tests/sim/node/replicas.hpp"

#include "broker/controller/image_publisher_driver.hpp"
#include "storage/checkpoint/meta_properties.hpp"
#include "tests/sim/node/node.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {

using namespace broker::replication;
using broker::controller::MetadataImage;

namespace {

/// In their order, on this thread.
void run_all(const std::vector<std::function<void()>>& jobs) {
  for (const auto& job : jobs) job();
}

}  // namespace

Replicas::Replicas(World& world, Node& node) : world_(world), node_(node) {
  settings_.node_id = node.broker_id();
  settings_.cluster.replica_lag_max = world.settings.lag_max;
}

Replicas::~Replicas() = default;

Result<> Replicas::open(const std::string& directory) {
  // Formatted with an id of the seed's: left to itself a directory takes one by chance.
  const auto meta = storage::join_path(directory, storage::kMetaPropertiesFile);
  if (const auto there = node_.disk().exists(meta); there && !*there) {
    if (const auto made = node_.disk().create_directories(directory); !made) return made;
    if (const auto synced = node_.disk().sync_directory("/"); !synced) return synced;
    const auto written = storage::write_meta_properties(
        node_.disk(), meta, {.cluster_id = {}, .node_id = node_.broker_id(), .directory_id = node_.key().directory});
    if (!written) return written;
  }
  auto opened = storage::LogManager::open(node_.disk(), {directory},
                                          {.cluster_id = {}, .node_id = node_.broker_id(), .may_be_unknown = true});
  if (!opened) return opened.error();
  logs_ = std::move(*opened);
  was_clean_ = logs_->clean_shutdown_found();
  // Known only when it fails, and then at once: the process can't go on with its only disk gone.
  logs_->on_directory_failure([this](const std::string& path, std::error_code error) {
    failed_ = true;
    world_.trace.tell(node_.id(), path + " fails: " + error.message());
  });
  table_ = std::make_unique<PartitionTable>(*logs_, *this, *this, *world_.config, settings_);
  return {};
}

std::string Replicas::cluster_id() const { return logs_->cluster_id(); }
Uuid Replicas::directory_id() const { return logs_->directory_id(); }

void Replicas::adopt_cluster_id(const std::string& cluster_id) {
  if (!logs_->cluster_id().empty()) return;
  if (const auto adopted = logs_->adopt_cluster_id(cluster_id); !adopted) {
    failed_ = true;
    world_.trace.tell(node_.id(), "cluster id: " + adopted.error().message());
  }
}

bool Replicas::load(const MetadataImage& image) {
  const auto options_for = [&](const TopicPartition& name) -> std::optional<storage::LogOptions> {
    const auto* topic = image.find_topic(name.topic);
    if (topic == nullptr || topic->find_partition(name.partition) == nullptr) return std::nullopt;
    return table_->log_options(broker::config::resolve(*world_.config, topic->configs));
  };
  const auto topic_id_of = [&](const TopicPartition& name) {
    const auto* topic = image.find_topic(name.topic);
    return topic == nullptr ? Uuid{} : topic->id;
  };
  const auto recovered = logs_->load_all(options_for, node_.clock().wall(), run_all, topic_id_of);
  if (!recovered) {
    failed_ = true;
    complaint_ = "load: " + recovered.error().message();
    world_.trace.tell(node_.id(), complaint_);
    return false;
  }
  for (const auto& found : *recovered) {
    if (found.error) world_.trace.tell(node_.id(), found.partition.to_string() + ": " + found.error.message());
  }
  loaded_ = true;
  apply(broker::controller::everything_in(image));
  checkpoint_later();
  return true;
}

void Replicas::apply(const broker::controller::MetadataDelta& delta) {
  touched_ = true;
  at_once_ = true;
  table_->apply(delta, node_.clock().wall(), node_.clock().point());
  at_once_ = false;
  logs_->remove_retired(node_.clock().wall(), std::chrono::milliseconds{0});
}

void Replicas::close() {
  if (loaded_ && !failed_) (void)logs_->close(table_->high_watermark_lookup(), run_all);
  loaded_ = false;
}

Replicas::PartitionPtr Replicas::find(const PartitionKey& key) {
  touched_ = true;
  return loaded_ ? table_->find(key.topic_id, key.partition) : nullptr;
}

void Replicas::checkpoint_later() {
  node_.after(world_.settings.checkpoint_interval, [this](Process&) {
    if (!loaded_) return;
    (void)logs_->checkpoint(table_->high_watermark_lookup());
    checkpoint_later();
  });
}

/// Of a partition that has no other replica the table waits for the sync: it comes at once then.
void Replicas::request(const PartitionPtr& partition) {
  if (at_once_ && partition->is_only_replica()) return partition->sync_now();
  node_.after(node_.draw_sync_time(), [this, partition](Process&) {
    touched_ = true;
    if (loaded_) partition->sync_now();
  });
}

void Replicas::request_by(const PartitionPtr& partition, Instant) {
  node_.after(1s, [this, partition](Process&) {
    if (loaded_) partition->flush_due();
  });
}

void Replicas::on_isr_change_wanted(const PartitionPtr& partition) noexcept {
  node_.later([partition](Process& process) { process.isr_changes().want(partition); });
}

void Replicas::on_follower_synced(const PartitionPtr& partition) noexcept {
  node_.later([partition](Process& process) { process.fetchers().note_synced(*partition); });
}

}  // namespace sluice::sim
