#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "storage/log/log.hpp"

namespace sluice::broker::integrity {

/// While it lives, tells every few seconds how far the opening of logs has come.
class RecoveryWatch {
 public:
  explicit RecoveryWatch(const storage::RecoveryProgress& progress);
  ~RecoveryWatch();
  RecoveryWatch(const RecoveryWatch&) = delete;
  RecoveryWatch& operator=(const RecoveryWatch&) = delete;

 private:
  void run();

  const storage::RecoveryProgress& progress_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice::broker::integrity
