#include "broker/replication/replica_mover.hpp"

#include <algorithm>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include "broker/wall_clock.hpp"

namespace sluice::broker::replication {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kStepBytesMax = std::uint64_t{8} << 20;
constexpr std::uint64_t kStepBytesMin = std::uint64_t{64} << 10;
constexpr std::int64_t kStepsPerSecond = 10;  // of a throttled move
constexpr milliseconds kFullPause{1000};

std::uint64_t step_bytes(std::optional<std::int64_t> bytes_per_second) {
  if (!bytes_per_second) return kStepBytesMax;
  return std::clamp(static_cast<std::uint64_t>(*bytes_per_second / kStepsPerSecond), kStepBytesMin, kStepBytesMax);
}

}  // namespace

ReplicaMover::ReplicaMover(storage::LogManager& logs, std::optional<std::int64_t> bytes_per_second)
    : logs_(logs), step_bytes_(step_bytes(bytes_per_second)), bytes_per_second_(bytes_per_second) {}

void ReplicaMover::start() {
  resume_interrupted();
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "sluice-move");
}

void ReplicaMover::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::size_t ReplicaMover::count() const {
  const std::lock_guard lock{mutex_};
  return jobs_.size();
}

void ReplicaMover::resume_interrupted() {
  for (const auto& [partition, directory] : logs_.take_interrupted_moves()) {
    if (const auto begun = move(partition, directory); !begun) {
      spdlog::warn("partition={} directory={} the interrupted move is not taken up: {}", partition.to_string(),
                   directory, begun.error().message());
    }
  }
}

Result<> ReplicaMover::move(const TopicPartition& partition, const std::string& directory) {
  std::unique_lock lock{mutex_};
  const auto of_partition = [&](const Job& job) { return job.partition == partition; };
  const auto known = std::find_if(jobs_.begin(), jobs_.end(), of_partition);
  if (known != jobs_.end() && known->directory == directory) return {};
  if (known != jobs_.end()) {
    changed_.wait(lock, [this] { return !stepping_; });
    const auto replaced = std::find_if(jobs_.begin(), jobs_.end(), of_partition);
    if (replaced != jobs_.end()) {
      spdlog::info("partition={} directory={} the move is given up for another", partition.to_string(),
                   replaced->directory);
      logs_.cancel_move(partition);
      jobs_.erase(replaced);
    }
  }
  return begin(partition, directory);
}

Result<> ReplicaMover::begin(const TopicPartition& partition, const std::string& directory) {
  auto move = logs_.begin_move(partition, directory);
  if (!move) return move.error();
  if (*move == nullptr) return {};
  spdlog::info("partition={} moves from={} to={}", partition.to_string(), logs_.directory_of(partition), directory);
  jobs_.push_back({partition, directory, std::move(*move)});
  changed_.notify_all();
  return {};
}

void ReplicaMover::run() {
  std::unique_lock lock{mutex_};
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    const auto job = jobs_.front();
    const auto copied_before = job.move->bytes_copied();
    stepping_ = true;
    lock.unlock();
    const auto outcome = step(job);
    lock.lock();
    stepping_ = false;
    if (outcome == Step::done) {
      jobs_.pop_front();
    } else {
      jobs_.splice(jobs_.end(), jobs_, jobs_.begin());
    }
    changed_.notify_all();
    if (outcome == Step::waits) pause(lock, kFullPause);
    if (bytes_per_second_) {
      const auto copied = static_cast<std::int64_t>(job.move->bytes_copied() - copied_before);
      pause(lock, milliseconds{copied * 1000 / *bytes_per_second_});
    }
  }
}

void ReplicaMover::pause(std::unique_lock<std::mutex>& lock, milliseconds time) {
  changed_.wait_for(lock, time, [this] { return stopping_; });
}

ReplicaMover::Step ReplicaMover::step(const Job& job) {
  if (is_full(job.directory)) return Step::waits;
  const auto moved = advance(job);
  if (moved && !*moved) return Step::goes_on;
  if (moved) {
    spdlog::info("partition={} moved to={} bytes_copied={}", job.partition.to_string(), job.directory,
                 job.move->bytes_copied());
    return Step::done;
  }
  if (storage::is_out_of_space(moved.error())) return Step::waits;
  logs_.cancel_move(job.partition);
  spdlog::error("partition={} to={} the move failed and is given up: {}", job.partition.to_string(), job.directory,
                moved.error().message());
  return Step::done;
}

Result<bool> ReplicaMover::advance(const Job& job) {
  const auto copied = job.move->copy(step_bytes_);
  if (!copied || !*copied) return copied;
  return logs_.finish_move(job.partition, wall_clock_now());
}

bool ReplicaMover::is_full(const std::string& directory) const {
  const auto spaces = logs_.spaces();
  return std::any_of(spaces.begin(), spaces.end(),
                     [&](const auto& space) { return space.directory == directory && space.full; });
}

}  // namespace sluice::broker::replication
