#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "protocol/base/result.hpp"
#include "protocol/base/topic_partition.hpp"
#include "storage/log/log_move.hpp"
#include "storage/log_manager.hpp"

namespace sluice::broker::replication {

/// Moves partitions between this broker's data directories while they are served, one thread for all, a piece of each
/// in turn. A move whose target has a full disk waits; one that fails is given up and told of; one that a stop or a
/// crash interrupts is begun again at the next start.
///
/// Threading: any. `move` does I/O.
class ReplicaMover {
 public:
  /// `bytes_per_second` is of all moves together.
  ReplicaMover(storage::LogManager& logs, std::optional<std::int64_t> bytes_per_second);
  ~ReplicaMover() { stop(); }  ///< as `stop`
  ReplicaMover(const ReplicaMover&) = delete;
  ReplicaMover& operator=(const ReplicaMover&) = delete;

  /// Once all logs are open; goes on with what was interrupted.
  void start();
  void stop();  ///< idempotent; what is under way is interrupted

  /// The move is under way when it returns, or the partition is there already. Another move of the partition, to
  /// another directory, is given up. Errors: those of LogManager::begin_move.
  Result<> move(const TopicPartition& partition, const std::string& directory);
  std::size_t count() const;

 private:
  struct Job {
    TopicPartition partition;
    std::string directory;
    std::shared_ptr<storage::LogMove> move;
  };
  /// What a piece of work led to.
  enum class Step { goes_on, waits, done };

  Result<> begin(const TopicPartition& partition, const std::string& directory);
  void resume_interrupted();
  void run();
  Step step(const Job& job);
  Result<bool> advance(const Job& job);
  bool is_full(const std::string& directory) const;
  void pause(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds time);

  storage::LogManager& logs_;
  const std::uint64_t step_bytes_;
  const std::optional<std::int64_t> bytes_per_second_;

  mutable std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  std::list<Job> jobs_;    // the first is next
  bool stepping_ = false;  // the first is being worked at, without the mutex
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice::broker::replication
