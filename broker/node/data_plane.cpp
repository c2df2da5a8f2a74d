#include "broker/node/data_plane.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

#include "broker/controller/cluster_defaults.hpp"
#include "broker/controller/effective_config.hpp"
#include "broker/descriptor_limit.hpp"
#include "broker/integrity/damage_report.hpp"
#include "broker/integrity/recovery_watch.hpp"
#include "broker/replication/log_upkeep.hpp"
#include "broker/run_all.hpp"
#include "broker/wall_clock.hpp"

namespace sluice::broker::node {
namespace {

using controller::MetadataDelta;
using controller::MetadataImage;

void tell_of_recovery(const std::vector<storage::LogManager::Recovered>& recovered, bool clean_shutdown) {
  std::uint64_t scanned = 0;
  std::uint64_t cut = 0;
  std::uint64_t damaged = 0;
  for (const auto& found : recovered) {
    scanned += found.report.bytes_scanned;
    cut += found.report.tail_bytes_cut;
    damaged += found.report.damage.size();
    if (found.error) spdlog::error("partition={} not opened: {}", found.partition.to_string(), found.error.message());
    if (found.report.tail_bytes_cut > 0) {
      spdlog::warn("partition={} torn_tail_bytes_cut={}", found.partition.to_string(), found.report.tail_bytes_cut);
    }
  }
  spdlog::info("opened logs={} clean_shutdown={} bytes_scanned={} torn_tail_bytes_cut={} damaged_ranges={}",
               recovered.size(), clean_shutdown, scanned, cut, damaged);
}

/// What this node was started with and the cluster has otherwise, of what all brokers have alike.
void tell_of_what_is_not_used(const config::BrokerConfig& started_with, const MetadataImage& image) {
  const auto& of_all = image.broker_configs(kNoBroker);
  for (const auto setting : controller::kClusterDefaults) {
    const auto used = of_all.find(std::string{setting});
    if (used == of_all.end() || !started_with.is_given(setting) || started_with.value(setting) == used->second)
      continue;
    spdlog::warn(
        "{}={} of {} is not used: it is {} for all brokers of this cluster, and changed as their dynamic default "
        "(kafka-configs --entity-type brokers --entity-default)",
        setting, *started_with.value(setting), started_with.origin(setting), used->second);
  }
}

}  // namespace

DataPlane::DataPlane(const Options& options) : options_(options), settings_(options.settings) {}

DataPlane::~DataPlane() = default;

bool DataPlane::open_directories(const identity::NodeIdentity& identity) {
  auto opened = storage::LogManager::open(
      options_.files, settings_.log_dirs,
      {.cluster_id = identity.cluster_id, .node_id = settings_.node_id, .may_be_unknown = true});
  if (!opened) {
    spdlog::critical("can't use log.dirs: {}", opened.error().message());
    return false;
  }
  logs_ = std::move(*opened);
  logs_->limit_open_segments(open_segments_max());
  integrity::report_damage(*logs_, options_.metrics);
  watch_directories();
  // The metadata log is in the first one.
  return !logs_->spaces().front().offline;
}

bool DataPlane::adopt_cluster_id(const std::string& cluster_id) {
  if (const auto adopted = logs_->adopt_cluster_id(cluster_id); !adopted) {
    spdlog::critical("cluster_id={} can't be noted in log.dirs: {}", cluster_id, adopted.error().message());
    return false;
  }
  return true;
}

void DataPlane::watch_directories() {
  // What may be deleted is, without waiting for the next check.
  const auto delete_old = [this] {
    if (follows_images_.load()) replication::run_log_upkeep(*partitions_, wall_clock_now(), options_.metrics);
  };
  directory_watch_ = std::make_unique<DirectoryWatch>(
      *logs_, options_.metrics, settings_.disk_reserve_bytes,
      DirectoryWatch::Listeners{.on_failure = [this] { on_directory_failure(); }, .on_full = delete_old});
}

/// On whatever thread found it, with locks held. What fails before the partitions are there is found when they are.
void DataPlane::on_directory_failure() {
  if (!follows_images_.load()) return;
  cluster_->publisher().post([this] {
    if (const auto dropped = partitions_->drop_failed_directories(); dropped > 0) {
      spdlog::error("partitions={} are not served any more", dropped);
    }
    tell_of_unserved();
    std::vector<Uuid> offline;
    for (const auto& space : logs_->spaces()) {
      if (space.offline) offline.push_back(space.directory_id);
    }
    if (auto* lifecycle = cluster_->lifecycle()) lifecycle->set_offline_directories(std::move(offline));
  });
}

/// On the metadata's thread: what others are to lead.
void DataPlane::tell_of_unserved() {
  auto* lifecycle = cluster_->lifecycle();
  auto unserved = partitions_->unserved();
  if (lifecycle == nullptr || unserved == told_unserved_) return;
  told_unserved_ = unserved;
  lifecycle->set_offline_replicas(std::move(unserved));
}

std::vector<Uuid> DataPlane::directory_ids() const {
  std::vector<Uuid> ids;
  for (const auto& space : logs_->spaces()) {
    if (!space.offline) ids.push_back(space.directory_id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

void DataPlane::connect(ClusterNode& cluster) {
  cluster_ = &cluster;
  auto& images = cluster.publisher();
  syncer_ = std::make_unique<replication::LogSyncer>(static_cast<unsigned>(settings_.sync_threads), options_.metrics);
  cluster.watch_syncs([this] { return syncer_->oldest_sync(); });
  partitions_ =
      std::make_unique<replication::PartitionTable>(*logs_, *syncer_, replica_events_, options_.config, settings_);
  cleaner_ = std::make_unique<replication::LogCleaner>(settings_.cleaner, *partitions_, options_.metrics);
  mover_ = std::make_unique<replication::ReplicaMover>(*logs_, settings_.replica_move_bytes_per_second);
  producer_ids_ = std::make_unique<ProducerIds>(cluster.controller(), settings_.node_id);
  fetch_sessions_ = std::make_unique<fetch::FetchSessionCache>(
      static_cast<std::size_t>(settings_.max_incremental_fetch_session_cache_slots));
  isr_changes_ = std::make_unique<replication::IsrChangeDriver>(
      replication::IsrChangeDriver::Options{
          .self = settings_.node_id,
          .lag_max = settings_.cluster.replica_lag_max,
          .images = &images,
          .note_idle = [this](std::size_t count,
                              bool only_refusing) { return replica_fetches_.note_idle(count, only_refusing); }},
      cluster.thread(), *partitions_, cluster.controller());
  fetchers_ = std::make_unique<replication::FetcherManager>(
      settings_, *partitions_, cluster.addresses(),
      [&lost = cluster.lost_brokers()](BrokerId leader) { lost.note_lost(leader); });
  replica_events_.set(*isr_changes_, *fetchers_);
  replica_progress_ = std::make_unique<replication::ReplicaProgressReceiver>(*partitions_, images);
  groups_ = std::make_unique<group::GroupCoordinatorDriver>(
      group::GroupCoordinatorDriver::Parts{.settings = settings_,
                                           .controller = cluster.controller(),
                                           .images = images,
                                           .partitions = *partitions_,
                                           .threads = options_.server.threads(),
                                           .metrics = options_.metrics.groups});
  cluster.on_broker_epoch([this](controller::BrokerEpoch epoch) {
    fetchers_->set_broker_epoch(epoch);
    isr_changes_->set_broker_epoch(epoch);
  });
}

bool DataPlane::load() {
  const auto image = cluster_->publisher().image();
  tell_of_what_is_not_used(options_.config, *image);
  if (!open_logs(*image)) return false;
  isr_changes_->start();
  follow_images();
  mover_->start();
  return true;
}

bool DataPlane::open_logs(const MetadataImage& image) {
  const auto config = controller::effective_config(options_.config, image, settings_.node_id);
  // A topic's partitions are asked for one after the other.
  const controller::TopicImage* resolved = nullptr;
  storage::LogOptions options;
  const auto options_for = [&](const TopicPartition& name) -> std::optional<storage::LogOptions> {
    const auto* topic = image.find_topic(name.topic);
    if (topic == nullptr || topic->find_partition(name.partition) == nullptr) return std::nullopt;
    if (std::exchange(resolved, topic) != topic) {
      options = partitions_->log_options(config::resolve(config, topic->configs));
    }
    return options;
  };
  const auto threads =
      static_cast<std::size_t>(settings_.num_recovery_threads_per_data_dir) * settings_.log_dirs.size();
  const auto topic_id_of = [&](const TopicPartition& name) {
    const auto* topic = image.find_topic(name.topic);
    return topic == nullptr ? Uuid{} : topic->id;
  };
  std::optional<integrity::RecoveryWatch> watch{std::in_place, logs_->progress()};
  const auto recovered = logs_->load_all(
      options_for, wall_clock_now(), [&](auto jobs) { run_all(std::move(jobs), threads); }, topic_id_of);
  watch.reset();
  if (!recovered) {
    spdlog::critical("can't read log.dirs, or a checkpoint in them: {}", recovered.error().message());
    return false;
  }
  if (logs_->spaces().front().offline) return false;  // with the metadata
  logs_opened_ = true;
  tell_of_recovery(*recovered, logs_->clean_shutdown_found());
  return true;
}

/// Each after those that it rests on.
void DataPlane::follow_images() {
  cluster_->publisher().subscribe(
      [this](const MetadataDelta& delta, const std::shared_ptr<const MetadataImage>& after) {
        if (!delta.broker_configs.empty()) follow_settings(*after);
        partitions_->follow_defaults(*after);
        partitions_->apply(delta, wall_clock_now());
        tell_of_unserved();
        fetchers_->apply(delta);
        groups_->apply(delta);
      });
  follows_images_.store(true);
  on_directory_failure();  // what failed meanwhile
}

/// Those of brokers that can change while they run; the defaults of topics are the partition table's.
void DataPlane::follow_settings(const MetadataImage& image) {
  const auto config = controller::effective_config(options_.config, image, settings_.node_id);
  cleaner_->reconfigure(config::read_cleaner_settings(config));
}

void DataPlane::start() {
  pull_metrics();
  housekeeping_.every(settings_.log_flush_offset_checkpoint_interval_ms, [this] {
    if (const auto done = logs_->checkpoint(partitions_->high_watermark_lookup()); !done) {
      spdlog::error("checkpoints can't be written: {}", done.error().message());
    }
  });
  housekeeping_.every(std::chrono::seconds{1}, [this] {
    directory_watch_->look();
    const auto image = cluster_->publisher().image();
    const auto config = controller::effective_config(options_.config, *image, settings_.node_id);
    logs_->remove_retired(wall_clock_now(), config::resolve(config, {}).file_delete_delay_ms);
  });
  housekeeping_.every(settings_.log_retention_check_interval_ms,
                      [this] { replication::run_log_upkeep(*partitions_, wall_clock_now(), options_.metrics); });
  housekeeping_.every(settings_.groups.offsets_retention_check_interval, [this] { groups_->forget_expired(); });
  housekeeping_.start();
  scrubber_ = std::make_unique<integrity::Scrubber>(
      *logs_,
      integrity::ScrubOptions{.bytes_per_second = settings_.scrub_bytes_per_second,
                              .interval = settings_.scrub_interval_ms},
      options_.metrics, wall_clock_now);
  scrubber_->start();
  cleaner_->start();
}

void DataPlane::pull_metrics() {
  auto& metrics = options_.metrics;
  metrics.partitions.pull_from([this] { return static_cast<double>(partitions_->count()); });
  metrics.log_size_bytes.pull_from([this] {
    double bytes = 0;
    partitions_->for_each([&](const auto& partition) { bytes += static_cast<double>(partition->log().size_bytes()); });
    return bytes;
  });
  metrics.groups.count_with([this] { return groups_->census(); });
}

void DataPlane::stop_serving() {
  housekeeping_.stop();
  if (scrubber_) scrubber_->stop();
  if (cleaner_) cleaner_->stop();
  options_.metrics.groups.count_with({});  // their threads end
  if (groups_) groups_->stop();
  if (!partitions_) return;
  // What is led here still (nobody could take it over, or the news of who did has not come) may be replicated to others
  // who are gone: whoever waits for that tries again elsewhere, and does not hold up the end of its connection.
  partitions_->for_each([](const auto& partition) {
    if (partition->is_leader() && !partition->is_only_replica()) {
      partition->stop(protocol::ErrorCode::not_leader_or_follower);
    } else {
      partition->wake_watchers();
    }
  });
}

void DataPlane::close() {
  if (mover_) mover_->stop();
  if (isr_changes_) isr_changes_->stop();
  if (fetchers_) fetchers_->stop();
  if (syncer_) syncer_->stop();
  replica_events_.clear();
  replica_fetches_.clear();
  isr_changes_.reset();  // its timers belong to a thread of the cluster's part
  fetchers_.reset();
  if (!logs_opened_) return;
  const auto threads = static_cast<std::size_t>(settings_.num_recovery_threads_per_data_dir);
  const auto closed =
      logs_->close(partitions_->high_watermark_lookup(), [&](auto jobs) { run_all(std::move(jobs), threads); });
  if (!closed) {
    spdlog::error("no clean shutdown, logs will be checked at the next start: {}", closed.error().message());
  }
}

}  // namespace sluice::broker::node
