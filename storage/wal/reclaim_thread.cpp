#include "storage/wal/reclaim_thread.hpp"

namespace sluice::storage::wal {

ReclaimThread::ReclaimThread(Wal& wal, std::chrono::milliseconds interval,
                             std::function<void(std::error_code)> on_error)
    : wal_(wal), interval_(interval), on_error_(std::move(on_error)), thread_([this] { run(); }) {}

ReclaimThread::~ReclaimThread() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void ReclaimThread::wake() {
  {
    const std::lock_guard lock{mutex_};
    awake_ = true;
  }
  changed_.notify_one();
}

void ReclaimThread::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    changed_.wait_for(lock, interval_, [this] { return awake_ || stopping_; });
    if (stopping_) return;
    awake_ = false;
    lock.unlock();
    if (const auto reclaimed = wal_.reclaim(); !reclaimed && on_error_) on_error_(reclaimed.error());
    lock.lock();
  }
}

}  // namespace sluice::storage::wal
