#include "broker/replication/partition_table.hpp"

#include <algorithm>
#include <future>
#include <mutex>
#include <spdlog/spdlog.h>
#include <utility>

namespace sluice::broker::replication {
namespace {

std::shared_ptr<Partition> pick(const std::vector<std::shared_ptr<Partition>>& partitions, PartitionId partition) {
  const auto index = static_cast<std::size_t>(partition.value());
  return partition.value() >= 0 && index < partitions.size() ? partitions[index] : nullptr;
}

/// Returns once everything that the partition holds is as safe as its settings demand, or can't be.
void await_safe(Partition& partition) {
  std::promise<void> safe;
  partition.when_replicated(partition.log_end_offset(), [&](protocol::ErrorCode) { safe.set_value(); });
  safe.get_future().wait();
}

}  // namespace

PartitionTable::PartitionTable(storage::LogManager& logs, LogSyncer& syncer, const config::BrokerConfig& config,
                               const config::BrokerSettings& settings)
    : logs_(logs),
      syncer_(syncer),
      config_(config),
      this_broker_(settings.node_id),
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

void PartitionTable::apply(const controller::MetadataDelta& delta, Timestamp now) {
  std::vector<std::shared_ptr<Partition>> opened;
  for (const auto& change : delta.topics) {
    if (change.before && (!change.after || change.after->id != change.before->id)) close_topic(*change.before);
    if (change.after) open_topic(change, now, opened);
  }
  if (const auto synced = logs_.sync_created(); !synced) {
    spdlog::error("new partitions may not survive a power failure: {}", synced.error().message());
  }
  if (!std::exchange(started_, true)) tell_of_missing();
  // At a start after a crash: a client that came before would be told a smaller end than it has seen already.
  for (const auto& partition : opened) await_safe(*partition);
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

void PartitionTable::open_topic(const controller::TopicChange& change, Timestamp now,
                                std::vector<std::shared_ptr<Partition>>& opened) {
  using Novelty = storage::LogManager::Novelty;
  const auto& image = *change.after;
  const auto before = find_topic(image.id);
  const auto settings = std::make_shared<const config::TopicSettings>(config::resolve(config_, image.configs));
  auto topic = std::make_shared<Topic>(Topic{image.name, image.id, {}});
  for (const auto& partition : image.partitions) {
    auto known = before ? pick(before->partitions, partition.partition) : nullptr;
    if (known) {
      known->set_settings(settings);
      known->log().set_options(log_options(*settings));
    } else if (std::find(partition.replicas.begin(), partition.replicas.end(), this_broker_) !=
               partition.replicas.end()) {
      const bool fresh = started_ && (!change.before || change.before->find_partition(partition.partition) == nullptr);
      known = open_partition(image, partition, settings, now, fresh ? Novelty::fresh : Novelty::known);
      if (known) opened.push_back(known);
    }
    topic->partitions.push_back(std::move(known));
  }
  const std::unique_lock lock{mutex_};
  by_name_[image.name] = topic;
  by_id_[image.id] = topic;
  compacted_.erase(image.id);
  if (settings->cleanup_compact) compacted_[image.id] = topic;
}

std::shared_ptr<Partition> PartitionTable::open_partition(const controller::TopicImage& topic,
                                                          const controller::PartitionImage& image,
                                                          const Partition::SettingsPtr& settings, Timestamp now,
                                                          storage::LogManager::Novelty novelty) {
  const TopicPartition name{topic.name, image.partition};
  auto log = logs_.find(name);
  if (log && logs_.topic_id(name) != topic.id) {
    spdlog::error("partition={} its directory holds another topic's data (topic_id={}): not served", name.to_string(),
                  logs_.topic_id(name).to_string());
    return nullptr;
  }
  if (!log) {
    auto created = logs_.create(name, topic.id, log_options(*settings), now, novelty);
    if (!created && created.error() == storage::Errc::directory_offline) {
      ++kept_waiting_;  // told of all at once
      return nullptr;
    }
    if (!created) {
      spdlog::error("partition={} its log can't be created: {}", name.to_string(), created.error().message());
      return nullptr;
    }
    log = *created;
  }
  if (log->latest_leader_epoch() < image.leader_epoch) {
    if (const auto begun = log->begin_leader_epoch(image.leader_epoch); !begun) {
      spdlog::error("partition={} its leader epoch can't be written: {}", name.to_string(), begun.error().message());
      return nullptr;
    }
  }
  auto partition = std::make_shared<Partition>(
      name, topic.id, std::move(log), Leadership{image.leader, image.leader_epoch}, this_broker_, settings, syncer_);
  partition->make_safe();
  return partition;
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
  for (const auto& partition : dropped) partition->stop(protocol::ErrorCode::kafka_storage_error);
  return dropped.size();
}

void PartitionTable::close_topic(const controller::TopicImage& image) {
  TopicPtr topic;
  {
    const std::unique_lock lock{mutex_};
    const auto found = by_id_.find(image.id);
    if (found == by_id_.end()) return;
    topic = found->second;
    by_id_.erase(found);
    compacted_.erase(image.id);
    if (const auto named = by_name_.find(image.name); named != by_name_.end() && named->second->id == image.id) {
      by_name_.erase(named);
    }
  }
  for (const auto& partition : topic->partitions) {
    if (!partition) continue;
    partition->stop(protocol::ErrorCode::unknown_topic_or_partition);
    if (const auto removed = logs_.remove(partition->name()); !removed) {
      spdlog::error("partition={} can't be removed: {}", partition->name().to_string(), removed.error().message());
    }
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
