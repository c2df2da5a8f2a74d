#include "broker/broker.hpp"

#include <atomic>
#include <mutex>
#include <spdlog/spdlog.h>
#include <thread>
#include <utility>

#include "broker/admin/admin_server.hpp"
#include "broker/admin/standard_routes.hpp"
#include "broker/api/registry.hpp"
#include "broker/controller/local_controller_driver.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/controller/metadata_log_driver.hpp"
#include "broker/descriptor_limit.hpp"
#include "broker/directory_watch.hpp"
#include "broker/fetch/fetch_session.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/housekeeping.hpp"
#include "broker/integrity/damage_report.hpp"
#include "broker/integrity/recovery_watch.hpp"
#include "broker/integrity/scrubber.hpp"
#include "broker/metrics/broker_metrics.hpp"
#include "broker/metrics/exposition.hpp"
#include "broker/metrics/process_metrics.hpp"
#include "broker/producer_ids.hpp"
#include "broker/replication/log_cleaner.hpp"
#include "broker/replication/log_syncer.hpp"
#include "broker/replication/log_upkeep.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/replication/replica_mover.hpp"
#include "broker/run_all.hpp"
#include "broker/server/blocking_pool.hpp"
#include "broker/server/server.hpp"
#include "broker/services.hpp"
#include "broker/thread_pulse.hpp"
#include "broker/wall_clock.hpp"
#include "storage/log_manager.hpp"

namespace sluice::broker {
namespace {

using controller::MetadataDelta;
using controller::MetadataImage;

std::vector<metrics::NumberName> api_names() {
  std::vector<metrics::NumberName> names;
  for (const auto& entry : api::entries()) names.emplace_back(static_cast<std::int16_t>(entry.key), entry.name);
  return names;
}

std::vector<metrics::NumberName> error_names() {
  std::vector<metrics::NumberName> names;
  const auto max = static_cast<int>(protocol::kErrorCodeMax);
  for (int code = static_cast<int>(protocol::kErrorCodeMin); code <= max; ++code) {
    names.emplace_back(static_cast<std::int16_t>(code), protocol::name(static_cast<protocol::ErrorCode>(code)));
  }
  return names;
}

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

}  // namespace

struct Broker::Parts {
  Parts(config::LoadedConfig given, storage::FileSystem& fs)
      : files(fs),
        loaded(std::move(given)),
        config(std::make_shared<const config::BrokerConfig>(loaded.config)),
        settings(loaded.settings),
        metrics(std::make_shared<metrics::BrokerMetrics>(api_names(), error_names(), SLUICE_VERSION)),
        server(settings),
        metadata_pool(1, "sluice-metadata"),
        background_pool(static_cast<unsigned>(settings.background_threads), "sluice-bg",
                        BlockingPool::Priority::background) {}

  bool open_data_directories();
  void watch_directories();
  std::size_t drop_failed_directories();
  bool open_metadata();
  bool open_logs();
  bool open_admin();
  void start_housekeeping();
  void stop();
  controller::BrokerImage registration() const;

  storage::FileSystem& files;
  config::LoadedConfig loaded;
  std::shared_ptr<const config::BrokerConfig> config;
  const config::BrokerSettings& settings;
  std::shared_ptr<metrics::BrokerMetrics> metrics;
  metrics::Exposition exposition;
  admin::Readiness readiness;
  admin::Liveness liveness{std::chrono::seconds{10}};

  std::unique_ptr<storage::LogManager> logs;
  std::unique_ptr<replication::LogSyncer> syncer;
  std::unique_ptr<replication::PartitionTable> partitions;
  std::unique_ptr<replication::ReplicaMover> mover;
  std::unique_ptr<controller::LocalControllerDriver> controller;
  std::unique_ptr<ProducerIds> producer_ids;
  std::unique_ptr<fetch::FetchSessionCache> fetch_sessions;
  std::unique_ptr<Services> services;
  Server server;
  BlockingPool metadata_pool;
  BlockingPool background_pool;
  std::unique_ptr<DirectoryWatch> directory_watch;
  std::unique_ptr<integrity::Scrubber> scrubber;
  std::unique_ptr<replication::LogCleaner> cleaner;
  std::mutex metadata_pool_mutex;  // of the flag below
  bool metadata_pool_finished = false;
  std::unique_ptr<group::GroupCoordinatorDriver> groups;
  std::unique_ptr<ThreadPulse> pulse;
  std::unique_ptr<admin::AdminServer> admin_server;
  Housekeeping housekeeping;
  std::atomic<bool> metadata_applied{false};
  bool logs_opened = false;  // else they must not be marked as closed cleanly
  bool started = false;
  bool stopped = false;
};

bool Broker::Parts::open_data_directories() {
  auto opened = storage::LogManager::open(files, settings.log_dirs, {.cluster_id = {}, .node_id = settings.node_id});
  if (!opened) {
    spdlog::critical("can't use log.dirs: {}", opened.error().message());
    return false;
  }
  logs = std::move(*opened);
  logs->limit_open_segments(open_segments_max());
  integrity::report_damage(*logs, *metrics);
  watch_directories();
  // The metadata log is in the first one.
  return !logs->spaces().front().offline;
}

// What fails before the partitions are there is found when they are.
std::size_t Broker::Parts::drop_failed_directories() {
  return metadata_applied.load() ? partitions->drop_failed_directories() : 0;
}

void Broker::Parts::watch_directories() {
  const auto drop_failed = [this] {
    const std::lock_guard lock{metadata_pool_mutex};
    if (metadata_pool_finished) return;
    metadata_pool.post([this] {
      if (const auto dropped = drop_failed_directories(); dropped > 0) {
        spdlog::error("partitions={} are not served any more", dropped);
      }
    });
  };
  // What may be deleted is, without waiting for the next check.
  const auto delete_old = [this] {
    if (metadata_applied.load()) replication::run_log_upkeep(*partitions, wall_clock_now(), *metrics);
  };
  directory_watch =
      std::make_unique<DirectoryWatch>(*logs, *metrics, settings.disk_reserve_bytes,
                                       DirectoryWatch::Listeners{.on_failure = drop_failed, .on_full = delete_old});
}

controller::BrokerImage Broker::Parts::registration() const {
  controller::BrokerImage self;
  self.id = settings.node_id;
  if (!settings.rack.empty()) self.rack = settings.rack;
  for (const auto& listener : settings.listeners) {
    const auto& advertised = settings.advertised_listeners.at(listener.name);
    self.endpoints.push_back({.listener_name = listener.name,
                              .host = advertised.host,
                              .port = advertised.port != 0 ? advertised.port : server.port_of(listener.name),
                              .security_protocol = std::string{to_string(listener.security_protocol)}});
  }
  return self;
}

bool Broker::Parts::open_metadata() {
  auto opened = controller::LocalControllerDriver::open(
      logs->file_system(),
      {.directory = storage::join_path(settings.log_dirs.front(), controller::kMetadataLogDirectory),
       .cluster_id = logs->cluster_id(),
       .self = registration(),
       .config = config,
       .now = wall_clock_now},
      [this](std::function<void()> task) { metadata_pool.post(std::move(task)); });
  if (!opened) {
    spdlog::critical("can't open the metadata log: {}", opened.error().message());
    return false;
  }
  controller = std::move(*opened);
  return true;
}

bool Broker::Parts::open_logs() {
  syncer = std::make_unique<replication::LogSyncer>(static_cast<unsigned>(settings.sync_threads), *metrics);
  partitions = std::make_unique<replication::PartitionTable>(*logs, *syncer, *config, settings);
  const auto image = controller->image();
  // A topic's partitions are asked for one after the other.
  const controller::TopicImage* resolved = nullptr;
  storage::LogOptions options;
  const auto options_for = [&](const TopicPartition& name) -> std::optional<storage::LogOptions> {
    const auto* topic = image->find_topic(name.topic);
    if (topic == nullptr || topic->find_partition(name.partition) == nullptr) return std::nullopt;
    if (std::exchange(resolved, topic) != topic) {
      options = partitions->log_options(config::resolve(*config, topic->configs));
    }
    return options;
  };
  const auto threads = static_cast<std::size_t>(settings.num_recovery_threads_per_data_dir) * settings.log_dirs.size();
  const auto topic_id_of = [&](const TopicPartition& name) {
    const auto* topic = image->find_topic(name.topic);
    return topic == nullptr ? Uuid{} : topic->id;
  };
  std::optional<integrity::RecoveryWatch> watch{std::in_place, logs->progress()};
  const auto recovered = logs->load_all(
      options_for, wall_clock_now(), [&](auto jobs) { run_all(std::move(jobs), threads); }, topic_id_of);
  watch.reset();
  if (!recovered) {
    spdlog::critical("can't read log.dirs, or a checkpoint in them: {}", recovered.error().message());
    return false;
  }
  if (logs->spaces().front().offline) return false;  // with the metadata
  logs_opened = true;
  tell_of_recovery(*recovered, logs->clean_shutdown_found());
  groups.reset(new group::GroupCoordinatorDriver{{.settings = settings,
                                                  .controller = *controller,
                                                  .images = *controller,
                                                  .partitions = *partitions,
                                                  .threads = server.threads(),
                                                  .metrics = metrics->groups}});
  controller->subscribe(
      [this](const MetadataImage&, const std::shared_ptr<const MetadataImage>&, const MetadataDelta& delta) {
        partitions->apply(delta, wall_clock_now());
        groups->apply(delta);
      });
  return true;
}

bool Broker::Parts::open_admin() {
  exposition.add(metrics);
  exposition.add(std::make_shared<metrics::ProcessMetrics>());
  metrics->partitions.pull_from([this] { return static_cast<double>(partitions->count()); });
  metrics->log_size_bytes.pull_from([this] {
    double bytes = 0;
    partitions->for_each([&](const auto& partition) { bytes += static_cast<double>(partition->log().size_bytes()); });
    return bytes;
  });
  metrics->groups.count_with([this] { return groups->census(); });
  metrics->request_memory_bytes.pull_from([this] { return static_cast<double>(server.memory().in_use()); });
  if (!settings.admin_listener) return true;
  const auto& wanted = *settings.admin_listener;
  admin_server = std::make_unique<admin::AdminServer>(admin::AdminOptions{.host = wanted.host, .port = wanted.port});
  add_standard_routes(admin_server->routes(), liveness, readiness, exposition);
  if (const auto port = admin_server->start(); port) {
    spdlog::info("admin page on http://{}:{}/", wanted.host, *port);
  } else if (wanted.required) {
    spdlog::critical("sluice.admin.listener {}:{} can't be opened: {}", wanted.host, wanted.port,
                     port.error().message());
    return false;
  } else {
    spdlog::warn("no admin page: {}:{} can't be opened: {}", wanted.host, wanted.port, port.error().message());
  }
  return true;
}

void Broker::Parts::start_housekeeping() {
  housekeeping.every(settings.log_flush_offset_checkpoint_interval_ms, [this] {
    if (const auto done = logs->checkpoint(partitions->high_watermark_lookup()); !done) {
      spdlog::error("checkpoints can't be written: {}", done.error().message());
    }
  });
  housekeeping.every(std::chrono::seconds{1}, [this, delay = config::resolve(*config, {}).file_delete_delay_ms] {
    directory_watch->look();
    logs->remove_retired(wall_clock_now(), delay);
  });
  housekeeping.every(settings.log_retention_check_interval_ms,
                     [this] { replication::run_log_upkeep(*partitions, wall_clock_now(), *metrics); });
  housekeeping.every(settings.groups.offsets_retention_check_interval, [this] { groups->forget_expired(); });
  housekeeping.start();
  scrubber =
      std::make_unique<integrity::Scrubber>(*logs,
                                            integrity::ScrubOptions{.bytes_per_second = settings.scrub_bytes_per_second,
                                                                    .interval = settings.scrub_interval_ms},
                                            *metrics, wall_clock_now);
  scrubber->start();
  cleaner = std::make_unique<replication::LogCleaner>(settings.cleaner, *partitions, *metrics);
  cleaner->start();
}

void Broker::Parts::stop() {
  if (stopped) return;
  stopped = true;
  readiness.set_not_ready("stopping");
  housekeeping.stop();
  if (scrubber) scrubber->stop();
  if (cleaner) cleaner->stop();
  if (started) {
    services->stopping.store(true);
    metrics->groups.count_with({});  // their threads end
    groups->stop();
    partitions->for_each([](const auto& partition) { partition->wake_watchers(); });
    server.finish(settings.shutdown_timeout_ms);
    pulse->stop();
  }
  server.stop_threads();
  {
    const std::lock_guard lock{metadata_pool_mutex};
    metadata_pool_finished = true;
  }
  metadata_pool.finish();
  background_pool.finish();
  if (controller) {
    if (const auto closed = controller->close(); !closed) {
      spdlog::error("the metadata log did not close: {}", closed.error().message());
    }
  }
  if (mover) mover->stop();
  if (logs_opened) {
    const auto threads = static_cast<std::size_t>(settings.num_recovery_threads_per_data_dir);
    syncer->stop();
    const auto closed =
        logs->close(partitions->high_watermark_lookup(), [&](auto jobs) { run_all(std::move(jobs), threads); });
    if (!closed)
      spdlog::error("no clean shutdown, logs will be checked at the next start: {}", closed.error().message());
  }
  if (admin_server) admin_server->stop();
}

Broker::Broker(config::LoadedConfig loaded, storage::FileSystem& files)
    : parts_(std::make_unique<Parts>(std::move(loaded), files)) {}

Broker::~Broker() { stop(); }

bool Broker::start() {
  auto& parts = *parts_;
  if (!parts.open_data_directories()) return false;
  if (!parts.server.open_listeners()) return false;
  if (!parts.open_metadata()) return false;
  if (!parts.open_logs()) return false;
  parts.partitions->drop_failed_directories();
  parts.mover = std::make_unique<replication::ReplicaMover>(*parts.logs, parts.settings.replica_move_bytes_per_second);
  parts.metadata_applied.store(true);
  parts.producer_ids = std::make_unique<ProducerIds>(*parts.controller, parts.settings.node_id);
  parts.fetch_sessions = std::make_unique<fetch::FetchSessionCache>(
      static_cast<std::size_t>(parts.settings.max_incremental_fetch_session_cache_slots));
  parts.services.reset(new Services{.settings = parts.settings,
                                    .config = *parts.config,
                                    .controller = *parts.controller,
                                    .images = *parts.controller,
                                    .partitions = *parts.partitions,
                                    .mover = *parts.mover,
                                    .fetch_sessions = *parts.fetch_sessions,
                                    .groups = *parts.groups,
                                    .producer_ids = *parts.producer_ids,
                                    .metrics = *parts.metrics,
                                    .background = parts.background_pool});
  if (!parts.open_admin()) return false;
  parts.server.start(*parts.services);
  parts.pulse = std::make_unique<ThreadPulse>(parts.server.threads(), parts.liveness, parts.metrics->event_loop_lag);
  parts.start_housekeeping();
  parts.mover->start();
  parts.started = true;
  parts.readiness.set_ready();
  return true;
}

void Broker::stop() { parts_->stop(); }

std::uint16_t Broker::port_of(const std::string& listener_name) const { return parts_->server.port_of(listener_name); }

}  // namespace sluice::broker
