#include "broker/replication/log_cleaner.hpp"

#include <algorithm>
#include <pthread.h>
#include <random>
#include <spdlog/spdlog.h>
#include <system_error>

#include "broker/metrics/broker_metrics.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/thread_priority.hpp"
#include "broker/wall_clock.hpp"
#include "protocol/record/errc.hpp"
#include "storage/checkpoint/offset_checkpoint.hpp"

namespace sluice::broker::replication {
namespace {

constexpr std::chrono::minutes kRetryAfter{1};
constexpr std::size_t kIoBufferBytesMin = 64U << 10;

storage::CleaningRules rules_of(const config::TopicSettings& settings) {
  return {.min_compaction_lag = settings.min_compaction_lag_ms,
          .max_compaction_lag = settings.max_compaction_lag_ms,
          .min_cleanable_dirty_ratio = settings.min_cleanable_dirty_ratio};
}

storage::KeyHashSecret new_secret() {
  std::random_device random;
  const auto word = [&] { return std::uint64_t{random()} << 32 | random(); };
  return {word(), word()};
}

std::string data_directory_of(Partition& partition) { return storage::parent_path(partition.log().directory()); }

/// Of what the log says, as opposed to what the machine does.
bool is_damage(std::error_code error) {
  return error == storage::Errc::corrupt_batch || error.category() == record::record_category();
}

}  // namespace

LogCleaner::LogCleaner(const config::CleanerSettings& settings, PartitionTable& partitions,
                       metrics::BrokerMetrics& metrics)
    : is_enabled_(settings.enable),
      partitions_(partitions),
      metrics_(metrics),
      budget_(settings.io_bytes_per_second_max),
      settings_(settings) {}

LogCleaner::~LogCleaner() { stop(); }

void LogCleaner::start() {
  if (!is_enabled_) return;
  expose_metrics();
  const std::lock_guard lock{mutex_};
  started_ = true;
  add_workers();
}

/// As many as there should be. Pre: under the lock.
void LogCleaner::add_workers() {
  workers_.resize(std::max(workers_.size(), static_cast<std::size_t>(settings_.threads)));
  for (std::size_t number = 0; number < static_cast<std::size_t>(settings_.threads); ++number) {
    auto& worker = workers_[number];
    if (worker && !worker->has_ended) continue;
    if (worker) worker->thread.join();  // it takes no lock any more
    worker = std::make_unique<Worker>();
    try {
      worker->thread = std::thread{[this, number] {
        yield_to_other_threads();
        run(number);
      }};
    } catch (const std::system_error& error) {
      spdlog::error("log.cleaner.threads={} but no more than {} can be started: {}", settings_.threads, number,
                    error.what());
      return worker.reset();
    }
    pthread_setname_np(worker->thread.native_handle(), "sluice-clean");
  }
}

void LogCleaner::reconfigure(const config::CleanerSettings& settings) {
  budget_.set_rate(settings.io_bytes_per_second_max);
  {
    const std::lock_guard lock{mutex_};
    settings_ = settings;
    look_at_ = std::min(look_at_, Clock::now() + settings.backoff);
    if (started_ && !stopping_) add_workers();
  }
  wake_.notify_all();
}

void LogCleaner::stop() {
  for (auto* gauge :
       {&metrics_.cleaner_last_ratio, &metrics_.cleaner_backlog_bytes, &metrics_.cleaner_backlog_partitions,
        &metrics_.cleaner_uncleanable_partitions, &metrics_.cleaner_seconds_since_last})
    gauge->pull_from({});
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  budget_.stop();
  wake_.notify_all();
  for (auto& worker : workers_) {
    if (worker) worker->thread.join();
  }
  workers_.clear();
}

void LogCleaner::expose_metrics() {
  const auto locked = [this](auto value) {
    return [this, value] {
      const std::lock_guard lock{mutex_};
      return static_cast<double>(value());
    };
  };
  metrics_.cleaner_last_ratio.pull_from(locked([this] { return last_ratio_.value_or(1); }));
  metrics_.cleaner_backlog_bytes.pull_from(locked([this] { return backlog_bytes_; }));
  metrics_.cleaner_backlog_partitions.pull_from(locked([this] { return backlog_partitions_; }));
  metrics_.cleaner_uncleanable_partitions.pull_from(locked([this] {
    return std::count_if(known_.begin(), known_.end(),
                         [](const auto& item) { return item.second.damaged || item.second.retry_at; });
  }));
  const auto started = Clock::now();
  metrics_.cleaner_seconds_since_last.pull_from(locked(
      [this, started] { return std::chrono::duration<double>(Clock::now() - last_end_.value_or(started)).count(); }));
}

void LogCleaner::run(std::size_t number) {
  storage::Cleaner cleaner;
  while (const auto job = next(number)) clean(cleaner, *job);
}

std::optional<LogCleaner::Job> LogCleaner::next(std::size_t number) {
  std::unique_lock lock{mutex_};
  const auto is_needed = [&] { return !stopping_ && number < static_cast<std::size_t>(settings_.threads); };
  while (is_needed()) {
    if (queue_.empty() && Clock::now() >= look_at_) {
      look();
      look_at_ = Clock::now() + std::max<std::chrono::milliseconds>(settings_.backoff, std::chrono::milliseconds{10});
    }
    if (queue_.empty()) {
      wake_.wait_until(lock, look_at_, [&] { return !is_needed() || !queue_.empty(); });
      continue;
    }
    auto job = std::move(queue_.front());
    queue_.pop_front();
    auto& entry = known_[job.partition->name()];
    if (entry.busy) continue;
    entry.busy = true;
    return job;
  }
  workers_[number]->has_ended = true;
  return std::nullopt;
}

// Which logs are due, the most urgent first. What is no longer compacted is forgotten.
void LogCleaner::look() {
  backlog_bytes_ = 0;
  backlog_partitions_ = 0;
  std::set<TopicPartition> met;
  const auto now = Clock::now();
  partitions_.for_each_compacted([&](const std::shared_ptr<Partition>& partition) {
    if (partition->log().is_offline()) return;
    met.insert(partition->name());
    auto& entry = known(*partition);
    if (entry.busy || entry.damaged || (entry.retry_at && now < *entry.retry_at)) return;
    const auto settings = partition->settings();
    const auto end = partition->log_end_offset();
    const auto stable_end = partition->last_stable_offset();
    const bool unchanged =
        entry.idle_end == end && entry.idle_stable_end == stable_end && entry.idle_settings == settings;
    if (unchanged && settings->min_compaction_lag_ms.count() == 0 && !settings->max_compaction_lag_ms) return;
    const auto found =
        storage::survey(partition->log(), stable_end, entry.clean_until, rules_of(*settings), wall_clock_now());
    if (!found) return note_failure(*partition, entry, found.error());
    if (!found->due) {
      entry.idle_end = end;
      entry.idle_stable_end = stable_end;
      entry.idle_settings = settings;
      return;
    }
    backlog_bytes_ += found->cleanable_bytes;
    ++backlog_partitions_;
    queue_.push_back({partition, *found});
  });
  std::sort(queue_.begin(), queue_.end(), [](const Job& left, const Job& right) {
    return std::pair{left.found.overdue, left.found.dirty_ratio()} >
           std::pair{right.found.overdue, right.found.dirty_ratio()};
  });
  std::set<std::string> changed;
  std::erase_if(known_, [&](const auto& item) {
    if (item.second.busy || met.contains(item.first)) return false;
    changed.insert(directory_of_[item.first]);
    directory_of_.erase(item.first);
    return true;
  });
  for (const auto& directory : changed) write_checkpoint(directory);
  if (queue_.size() > 1) wake_.notify_all();
}

/// A topic that was deleted and made anew starts over.
LogCleaner::Known& LogCleaner::known(Partition& partition) {
  const auto [place, is_new] = known_.try_emplace(partition.name());
  auto& entry = place->second;
  if (is_new) {
    entry.topic_id = partition.topic_id();
    const auto directory = data_directory_of(partition);
    directory_of_[partition.name()] = directory;
    read_checkpoint(directory);
    if (const auto read = read_.find(partition.name()); read != read_.end()) {
      entry.clean_until = read->second;
      read_.erase(read);
    }
  } else if (entry.topic_id != partition.topic_id() && !entry.busy) {
    entry = Known{};
    entry.topic_id = partition.topic_id();
  }
  return entry;
}

void LogCleaner::read_checkpoint(const std::string& directory) {
  if (!directories_.insert(directory).second) return;
  const auto path = storage::join_path(directory, storage::kCleanerCheckpoint);
  const auto offsets = storage::read_offset_checkpoint(partitions_.logs().file_system(), path);
  if (offsets) return read_.insert(offsets->begin(), offsets->end());
  if (offsets.error() == std::errc::no_such_file_or_directory) return;
  spdlog::warn("{} can't be read, compaction starts over: {}", path, offsets.error().message());
}

void LogCleaner::write_checkpoint(const std::string& directory) {
  storage::OffsetCheckpoint offsets;
  for (const auto& [name, entry] : known_) {
    if (entry.clean_until && directory_of_[name] == directory) offsets.emplace(name, *entry.clean_until);
  }
  const auto path = storage::join_path(directory, storage::kCleanerCheckpoint);
  const auto written = storage::write_offset_checkpoint(partitions_.logs().file_system(), path, offsets);
  // Without it the next start only cleans what is clean already.
  if (!written) spdlog::warn("{} can't be written: {}", path, written.error().message());
}

void LogCleaner::clean(storage::Cleaner& cleaner, const Job& job) {
  const auto& partition = *job.partition;
  const auto settings = [this] {
    const std::lock_guard lock{mutex_};
    return settings_;
  }();
  const auto threads = static_cast<std::size_t>(std::max(settings.threads, 1));
  const storage::CleanRequest request{
      .first_dirty = job.found.first_dirty,
      .end = job.found.end,
      .delete_retention = partition.settings()->delete_retention_ms,
      .map_bytes_max = static_cast<std::size_t>(settings.dedupe_buffer_bytes) / threads,
      .map_load_factor = settings.io_buffer_load_factor,
      .io_buffer_bytes = std::max(static_cast<std::size_t>(settings.io_buffer_bytes) / threads, kIoBufferBytesMin),
      .secret = new_secret()};
  const auto throttle = [this](std::uint64_t bytes) -> Result<> {
    if (!budget_.spend(bytes)) return std::make_error_code(std::errc::operation_canceled);
    return {};
  };
  const auto started = Clock::now();
  const auto report = cleaner.clean(job.partition->log(), request, wall_clock_now(), throttle);
  const std::lock_guard lock{mutex_};
  last_end_ = Clock::now();
  auto& entry = known_[partition.name()];
  entry.busy = false;
  if (!report) {
    if (!stopping_) note_failure(partition, entry, report.error());
    return;
  }
  entry.retry_at.reset();
  entry.clean_until = report->next_dirty;
  if (report->bytes_before > 0)
    last_ratio_ = static_cast<double>(report->bytes_after) / static_cast<double>(report->bytes_before);
  metrics_.cleaner_passes_total.add();
  metrics_.cleaner_read_bytes_total.add(report->bytes_read);
  metrics_.cleaner_written_bytes_total.add(report->bytes_written);
  auto& directory = directory_of_[partition.name()];
  directory = data_directory_of(*job.partition);
  write_checkpoint(directory);
  if (report->next_dirty < request.end) look_at_ = Clock::now();  // the rest at once
  spdlog::info(
      "partition={} compacted bytes={}->{} records={}->{} segments={}->{} keys={} clean_until={} seconds={:.3f}",
      partition.name().to_string(), report->bytes_before, report->bytes_after, report->records_before,
      report->records_after, report->segments_before, report->segments_after, report->keys, report->next_dirty.value(),
      std::chrono::duration<double>(*last_end_ - started).count());
}

void LogCleaner::note_failure(const Partition& partition, Known& known, std::error_code error) {
  // The log changed under the pass, or its directory failed: others tell of that.
  if (error == std::errc::operation_canceled || error == storage::Errc::log_offline) return;
  known.damaged = is_damage(error);
  if (!known.damaged) known.retry_at = Clock::now() + kRetryAfter;
  spdlog::error("partition={} can't be compacted{}: {}", partition.name().to_string(),
                known.damaged ? ", nor will be before the next start" : " now", error.message());
}

}  // namespace sluice::broker::replication
