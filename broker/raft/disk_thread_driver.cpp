#include "broker/raft/disk_thread_driver.hpp"

#include <pthread.h>
#include <utility>

namespace sluice::broker::raft {
namespace {

bool is_plain(const RaftStore::Work& work) { return work.parts.empty() && !work.install; }

/// As if `next` had been written after `group`. A newer term may become durable before older entries then: nobody was
/// told of these.
void merge(DiskThread::Job& group, DiskThread::Job next) {
  group.number = next.number;
  if (next.work.hard_state) group.work.hard_state = next.work.hard_state;
  auto& entries = group.work.entries;
  if (!next.work.entries.empty()) {
    const auto first = next.work.entries.front().index;
    while (!entries.empty() && entries.back().index >= first) entries.pop_back();
  }
  std::move(next.work.entries.begin(), next.work.entries.end(), std::back_inserter(entries));
}

}  // namespace

DiskThread::DiskThread(RaftStore& store, std::function<Timestamp()> wall_clock, std::function<void(Report)> on_report)
    : store_(store), wall_clock_(std::move(wall_clock)), on_report_(std::move(on_report)), thread_([this] { loop(); }) {
  ::pthread_setname_np(thread_.native_handle(), "sluice-raft-log");
}

void DiskThread::submit(Job job) {
  const std::lock_guard lock{mutex_};
  jobs_.push_back(std::move(job));
  wake_.notify_one();
}

void DiskThread::run(std::function<void()> task) {
  const std::lock_guard lock{mutex_};
  tasks_.push_back(std::move(task));
  wake_.notify_one();
}

void DiskThread::stop() {
  {
    const std::lock_guard lock{mutex_};
    is_stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void DiskThread::loop() {
  while (true) {
    std::deque<Job> jobs;
    std::deque<std::function<void()>> tasks;
    {
      std::unique_lock lock{mutex_};
      wake_.wait(lock, [this] { return is_stopping_ || !jobs_.empty() || !tasks_.empty(); });
      if (is_stopping_) return;
      jobs = std::exchange(jobs_, {});
      tasks = std::exchange(tasks_, {});
    }
    while (!jobs.empty() && !has_failed_) {
      auto group = std::move(jobs.front());
      jobs.pop_front();
      while (is_plain(group.work) && !jobs.empty() && is_plain(jobs.front().work)) {
        merge(group, std::move(jobs.front()));
        jobs.pop_front();
      }
      write(std::move(group));
    }
    for (const auto& task : tasks) {
      if (!has_failed_) task();
    }
  }
}

void DiskThread::write(Job group) {
  Report report{.number = group.number, .installed = group.work.install};
  auto written = store_.write(std::move(group.work), wall_clock_());
  if (written) {
    report.is_snapshot_damaged = written->is_snapshot_damaged;
    if (written->installed) report.state = std::move(*written->installed);
  } else {
    report.error = written.error();
    has_failed_ = true;
  }
  on_report_(std::move(report));
}

}  // namespace sluice::broker::raft
