#include "broker/replication/partition_table.hpp"

#include <algorithm>
#include <future>
#include <mutex>
#include <spdlog/spdlog.h>
#include <utility>

#include "broker/controller/effective_config.hpp"

namespace sluice::broker::replication {
namespace {

std::shared_ptr<Partition> pick(const std::vector<std::shared_ptr<Partition>>& partitions, PartitionId partition) {
  const auto index = static_cast<std::size_t>(partition.value());
  return partition.value() >= 0 && index < partitions.size() ? partitions[index] : nullptr;
}

/// Its role would be the same.
bool is_same(const controller::PartitionImage& partition, const controller::TopicImage* topic_before) {
  const auto* before = topic_before == nullptr ? nullptr : topic_before->find_partition(partition.partition);
  return before != nullptr && *before == partition;
}

/// Returns once everything that the partition holds is as safe as its settings demand, or can't be.
void await_safe(Partition& partition) {
  std::promise<void> safe;
  partition.when_replicated(partition.log_end_offset(), [&](protocol::ErrorCode) { safe.set_value(); });
  safe.get_future().wait();
}

}  // namespace

PartitionTable::PartitionTable(storage::LogManager& logs, SyncQueue& syncer, ReplicaEvents& events,
                               const config::BrokerConfig& config, const config::BrokerSettings& settings)
    : logs_(logs),
      syncer_(syncer),
      events_(events),
      config_(config),
      effective_(config),
      this_broker_(settings.node_id),
      lag_max_(settings.cluster.replica_lag_max),
      producer_id_expiration_(settings.producer_id_expiration_ms) {}

PartitionTable::TopicPtr PartitionTable::find_topic(std::string_view name) const {
  const std::shared_lock lock{mutex_};
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

PartitionTable::TopicPtr PartitionTable::find_topic(const Uuid& id) const {
  const std::shared_lock lock{mutex_};
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::shared_ptr<Partition> PartitionTable::find(std::string_view topic, PartitionId partition) const {
  const auto found = find_topic(topic);
  return found ? pick(found->partitions, partition) : nullptr;
}

std::shared_ptr<Partition> PartitionTable::find(const Uuid& topic_id, PartitionId partition) const {
  const auto found = find_topic(topic_id);
  return found ? pick(found->partitions, partition) : nullptr;
}

storage::LogOptions PartitionTable::log_options(const config::TopicSettings& settings) const {
  return {.segment_bytes = settings.segment_bytes,
          // What is still being written is not compacted: it is rolled before it waits too long.
          .segment_ms = settings.cleanup_compact && settings.max_compaction_lag_ms
                            ? std::min(settings.segment_ms, *settings.max_compaction_lag_ms)
                            : settings.segment_ms,
          .segment_jitter_ms = settings.segment_jitter_ms,
          .index_interval_bytes = settings.index_interval_bytes,
          .segment_index_bytes = settings.segment_index_bytes,
          .compacted = settings.cleanup_compact,
          .preallocate = settings.preallocate,
          .producer_id_expiration_ms = producer_id_expiration_,
          .file_delete_delay_ms = settings.file_delete_delay_ms};
}

void PartitionTable::follow_defaults(const controller::MetadataImage& image) {
  auto effective = controller::effective_config(config_, image, this_broker_);
  if (effective.dynamic_defaults() == effective_.dynamic_defaults() &&
      effective.dynamic_broker() == effective_.dynamic_broker()) {
    return;
  }
  effective_ = std::move(effective);
  image.for_each_topic([this](const controller::TopicImage& topic) {
    if (const auto known = find_topic(topic.id)) set_settings(settings_of(topic, known.get()), known);
  });
}

void PartitionTable::set_settings(const Partition::SettingsPtr& settings, const TopicPtr& topic) {
  for (const auto& partition : topic->partitions) {
    if (!partition || partition->settings() == settings) continue;
    partition->set_settings(settings);
    partition->log().set_options(log_options(*settings));
  }
  const std::unique_lock lock{mutex_};
  compacted_.erase(topic->id);
  if (settings->cleanup_compact) compacted_[topic->id] = topic;
}

void PartitionTable::apply(const controller::MetadataDelta& delta, Timestamp now, Instant instant) {
  std::vector<std::shared_ptr<Partition>> opened;
  for (const auto& change : delta.topics) {
    if (change.before && (!change.after || change.after->id != change.before->id)) close_topic(*change.before);
    if (change.after) open_topic(change, now, instant, opened);
  }
  if (const auto synced = logs_.sync_created(); !synced) {
    spdlog::error("new partitions may not survive a power failure: {}", synced.error().message());
  }
  if (!std::exchange(started_, true)) tell_of_missing();
  // At a start after a crash: a client that came before would be told a smaller end than it has seen already. Only
  // where no other broker is waited for.
  for (const auto& partition : opened) {
    if (partition->is_only_replica()) await_safe(*partition);
  }
}

// Nothing that the metadata knows needs them: they were taken out of use on purpose.
void PartitionTable::tell_of_missing() {
  if (kept_waiting_ > 0) {
    spdlog::error("partitions={} have no log, and a data directory is away that may have it: not served",
                  kept_waiting_);
  } else {
    logs_.forget_missing_directories();
  }
}

void PartitionTable::open_topic(const controller::TopicChange& topic_change, Timestamp now, Instant instant,
                                std::vector<std::shared_ptr<Partition>>& opened) {
  const auto& image = *topic_change.after;
  const auto before = find_topic(image.id);
  const Change change{.topic = image,
                      .before = before && topic_change.before ? topic_change.before.get() : nullptr,
                      .settings = settings_of(image, before.get()),
                      .now = now,
                      .instant = instant};
  auto topic = std::make_shared<Topic>(Topic{image.name, image.id, {}});
  topic->partitions.reserve(image.partitions.size());
  std::vector<std::shared_ptr<Partition>> closed;
  std::vector<PartitionId> unserved;
  for (const auto& partition : image.partitions) {
    auto known = before ? pick(before->partitions, partition.partition) : nullptr;
    if (known && !partition.has_replica(this_broker_)) {
      closed.push_back(std::exchange(known, nullptr));
    } else if (known) {
      if (known->settings() != change.settings) {
        known->set_settings(change.settings);
        known->log().set_options(log_options(*change.settings));
      }
      if (!is_same(partition, change.before)) give_role(*known, partition, instant);
    } else if (partition.has_replica(this_broker_)) {
      known = open_partition(change, partition);
      if (known) {
        opened.push_back(known);
      } else {
        unserved.push_back(partition.partition);
      }
    }
    topic->partitions.push_back(std::move(known));
  }
  {
    const std::unique_lock lock{mutex_};
    by_name_[image.name] = topic;
    by_id_[image.id] = topic;
    compacted_.erase(image.id);
    if (change.settings->cleanup_compact) compacted_[image.id] = topic;
  }
  if (unserved.empty()) {
    unserved_.erase(image.id);
  } else {
    unserved_.insert_or_assign(image.id, std::move(unserved));
  }
  for (const auto& partition : closed) close_partition(*partition, protocol::ErrorCode::not_leader_or_follower);
}

/// Those that its partitions have already, where nothing about them has changed.
Partition::SettingsPtr PartitionTable::settings_of(const controller::TopicImage& topic, const Topic* before) const {
  const auto settings = std::make_shared<const config::TopicSettings>(config::resolve(effective_, topic.configs));
  if (before == nullptr) return settings;
  for (const auto& partition : before->partitions) {
    if (!partition) continue;
    auto known = partition->settings();
    return *known == *settings ? known : settings;
  }
  return settings;
}

void PartitionTable::give_role(Partition& partition, const controller::PartitionImage& image, Instant now) {
  if (const auto given = partition.apply(image, now); !given) {
    spdlog::error("partition={} leader_epoch={} can't be led: {}", partition.name().to_string(),
                  image.leader_epoch.value(), given.error().message());
  }
}

std::shared_ptr<Partition> PartitionTable::open_partition(const Change& change,
                                                          const controller::PartitionImage& image) {
  auto log = open_log(change, image);
  if (!log) return nullptr;
  const TopicPartition name{change.topic.name, image.partition};
  const Partition::Surroundings surroundings{
      .this_broker = this_broker_,
      .syncer = syncer_,
      .events = events_,
      .lag_max = lag_max_,
      .before_cut = [this](const auto& cut, Offset to) { return logs_.lower_recovery_point(cut, to); }};
  auto partition = std::make_shared<Partition>(name, change.topic.id, std::move(log), surroundings, change.settings,
                                               logs_.checkpointed_high_watermark(name).value_or(kNoOffset));
  give_role(*partition, image, change.instant);
  partition->make_safe();
  return partition;
}

std::shared_ptr<storage::Log> PartitionTable::open_log(const Change& change, const controller::PartitionImage& image) {
  using Novelty = storage::LogManager::Novelty;
  const TopicPartition name{change.topic.name, image.partition};
  if (auto log = logs_.find(name)) {
    if (logs_.topic_id(name) == change.topic.id) return log;
    if (logs_.topic_id(name).is_zero() && log->log_end_offset() > Offset{0}) {
      // Begun anew, an empty log would pass for one that is in sync.
      spdlog::error("partition={} its partition.metadata is damaged: whose records it has is not known; left as it is",
                    name.to_string());
      return nullptr;
    }
    // The topic was deleted and another made in its place while this broker was away.
    spdlog::warn("partition={} its directory holds another topic's data (topic_id={}), which is set aside",
                 name.to_string(), logs_.topic_id(name).to_string());
    log.reset();
    if (const auto aside = logs_.set_aside(name); !aside) {
      spdlog::error("partition={} that can't be set aside: {}", name.to_string(), aside.error().message());
      return nullptr;
    }
  }
  const auto* before = change.before == nullptr ? nullptr : change.before->find_partition(image.partition);
  const bool fresh = started_ && (before == nullptr || !before->has_replica(this_broker_));
  auto created = logs_.create(name, change.topic.id, log_options(*change.settings), change.now,
                              fresh ? Novelty::fresh : Novelty::known);
  if (created) return *created;
  if (created.error() == storage::Errc::directory_offline) {
    ++kept_waiting_;  // told of all at once
  } else {
    spdlog::error("partition={} its log can't be created: {}", name.to_string(), created.error().message());
  }
  return nullptr;
}

std::size_t PartitionTable::drop_failed_directories() {
  std::vector<std::shared_ptr<Partition>> dropped;
  {
    const std::unique_lock lock{mutex_};
    for (auto& [id, topic] : by_id_) {
      const auto has_failed = [](const auto& partition) {
        return partition && partition->log().is_directory_offline();
      };
      if (std::none_of(topic->partitions.begin(), topic->partitions.end(), has_failed)) continue;
      auto left = std::make_shared<Topic>(*topic);
      for (auto& partition : left->partitions) {
        if (has_failed(partition)) dropped.push_back(std::exchange(partition, nullptr));
      }
      if (const auto named = by_name_.find(topic->name); named != by_name_.end() && named->second == topic) {
        named->second = left;
      }
      if (const auto compacted = compacted_.find(id); compacted != compacted_.end()) compacted->second = left;
      topic = std::move(left);
    }
  }
  for (const auto& partition : dropped) {
    unserved_[partition->topic_id()].push_back(partition->name().partition);
    partition->stop(protocol::ErrorCode::kafka_storage_error);
  }
  return dropped.size();
}

std::vector<controller::OfflineReplica> PartitionTable::unserved() const {
  std::vector<controller::OfflineReplica> replicas;
  for (const auto& [topic, partitions] : unserved_) {
    for (const auto partition : partitions) replicas.push_back({.topic_id = topic, .partition = partition});
  }
  return replicas;
}

void PartitionTable::close_topic(const controller::TopicImage& image) {
  TopicPtr topic;
  {
    const std::unique_lock lock{mutex_};
    const auto found = by_id_.find(image.id);
    if (found == by_id_.end()) return;
    topic = found->second;
    unserved_.erase(image.id);
    by_id_.erase(found);
    compacted_.erase(image.id);
    if (const auto named = by_name_.find(image.name); named != by_name_.end() && named->second->id == image.id) {
      by_name_.erase(named);
    }
  }
  for (const auto& partition : topic->partitions) {
    if (partition) close_partition(*partition, protocol::ErrorCode::unknown_topic_or_partition);
  }
}

void PartitionTable::close_partition(Partition& partition, protocol::ErrorCode reason) {
  partition.stop(reason);
  if (const auto removed = logs_.remove(partition.name()); !removed) {
    spdlog::error("partition={} can't be removed: {}", partition.name().to_string(), removed.error().message());
  }
}

void PartitionTable::for_each(const std::function<void(const std::shared_ptr<Partition>&)>& visit) const {
  std::vector<TopicPtr> topics;
  {
    const std::shared_lock lock{mutex_};
    topics.reserve(by_id_.size());
    for (const auto& [id, topic] : by_id_) topics.push_back(topic);
  }
  for (const auto& topic : topics) {
    for (const auto& partition : topic->partitions) {
      if (partition) visit(partition);
    }
  }
}

PartitionTable::Walk PartitionTable::walk() const {
  Walk walk;
  const std::shared_lock lock{mutex_};
  walk.topics_.reserve(by_id_.size());
  for (const auto& [id, topic] : by_id_) walk.topics_.push_back(topic);
  return walk;
}

bool PartitionTable::Walk::visit(std::size_t count,
                                 const std::function<void(const std::shared_ptr<Partition>&)>& visit) {
  for (; topic_ < topics_.size(); ++topic_, partition_ = 0) {
    const auto& partitions = topics_[topic_]->partitions;
    for (; partition_ < partitions.size(); ++partition_) {
      if (count-- == 0) return true;
      if (partitions[partition_]) visit(partitions[partition_]);
    }
  }
  return false;
}

void PartitionTable::for_each_compacted(const std::function<void(const std::shared_ptr<Partition>&)>& visit) const {
  std::vector<TopicPtr> topics;
  {
    const std::shared_lock lock{mutex_};
    for (const auto& [id, topic] : compacted_) topics.push_back(topic);
  }
  for (const auto& topic : topics) {
    for (const auto& partition : topic->partitions) {
      if (partition) visit(partition);
    }
  }
}

std::size_t PartitionTable::count() const {
  std::size_t count = 0;
  for_each([&](const auto&) { ++count; });
  return count;
}

storage::LogManager::HighWatermarkOf PartitionTable::high_watermark_lookup() const {
  return [this](const TopicPartition& name) -> std::optional<Offset> {
    const auto partition = find(name.topic, name.partition);
    if (!partition) return std::nullopt;
    return partition->high_watermark();
  };
}

}  // namespace sluice::broker::replication
