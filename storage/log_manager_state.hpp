#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "storage/data_directory/data_directory.hpp"
#include "storage/data_directory/directory_health.hpp"
#include "storage/data_directory/known_directories.hpp"
#include "storage/data_directory/watched_file_system.hpp"
#include "storage/log/log_move.hpp"
#include "storage/log_manager.hpp"

namespace sluice::storage {

/// What a log manager knows; for its own files.
struct LogManager::State {
  struct Held {
    std::shared_ptr<Log> log;
    Uuid topic_id;
    std::size_t directory;
  };
  struct Retired {
    std::string path;
    Timestamp since;
    std::size_t directory;
  };
  /// A log that is there and could not be opened. What the checkpoints say of it is carried on: without its recovery
  /// point, damage in its middle would be cut at the next start like a torn tail.
  struct Unopened {
    TopicPartition partition;
    std::string path;
    std::size_t directory;
    Offset recovery_point;
    Offset log_start_offset;
    std::error_code error;
  };

  struct Move {
    std::size_t directory;  // where to
    std::string future;
    std::shared_ptr<LogMove> move;
    std::shared_ptr<Log> log;
  };

  /// What logs stand on: it lives as long as the last of them, whoever holds that.
  struct Ground {
    explicit Ground(FileSystem& files) : fs(files), resources(fs) {}

    WatchedFileSystem fs;
    std::vector<std::unique_ptr<DirectoryHealth>> healths;  // of the directories, by index
    LogResources resources;
  };

  explicit State(FileSystem& files) : ground(std::make_shared<Ground>(files)) {}

  std::shared_ptr<Ground> ground;
  WatchedFileSystem& fs = ground->fs;
  std::vector<std::unique_ptr<DirectoryHealth>>& healths = ground->healths;
  LogResources& resources = ground->resources;
  RecoveryProgress progress;
  std::vector<DataDirectory> directories;  // one that is offline since the start is unusable
  std::vector<KnownDirectory> missing;     // were used before and are not among them
  std::string cluster_id;                  // by `mutex` once directories are open; set once
  bool clean_shutdown_found = true;
  std::map<TopicPartition, Offset> checkpointed_high_watermarks;
  std::mutex checkpoint_mutex;              // of the next, and of the files
  std::vector<std::uint64_t> checkpointed;  // fingerprints of what was written last; empty: nothing yet

  mutable std::mutex mutex;  // of all below; never held during I/O on a log
  std::unordered_map<TopicPartition, Held> logs;
  std::vector<std::size_t> log_counts;  // of each directory
  struct Created {
    std::shared_ptr<Log> log;
    std::size_t directory;
  };
  std::vector<Created> unsynced;  // logs that were made and may still be lost with the power
  std::vector<Unopened> unopened;
  std::vector<Retired> retired;
  std::vector<std::pair<TopicPartition, std::string>> interrupted_moves;
  std::map<TopicPartition, Move> moves;          // on their way
  std::map<TopicPartition, std::size_t> wished;  // where partitions that are not there yet should go

  std::shared_ptr<Log> share(std::unique_ptr<Log> log) const {
    return {log.release(), [keep = ground](const Log* last) { delete last; }};
  }
  // Both with the mutex held.
  void hold(const TopicPartition& partition, Held held) {
    release(partition);
    log_counts.resize(directories.size());
    ++log_counts[held.directory];
    logs.emplace(partition, std::move(held));
  }
  std::optional<Held> release(const TopicPartition& partition) {
    auto node = logs.extract(partition);
    if (node.empty()) return std::nullopt;
    --log_counts[node.mapped().directory];
    return std::move(node.mapped());
  }
  bool is_online(std::size_t index) const noexcept { return !healths[index]->has_failed(); }
  std::vector<std::pair<TopicPartition, Held>> snapshot() const {
    const std::lock_guard lock{mutex};
    return {logs.begin(), logs.end()};
  }
  std::vector<Unopened> unopened_snapshot() const {
    const std::lock_guard lock{mutex};
    return unopened;
  }
};

/// Zero where it is not noted.
Uuid read_topic_id(FileSystem& fs, const std::string& directory);

}  // namespace sluice::storage
