#pragma once

#include <memory>

#include "protocol/base/task.hpp"

namespace sluice::broker {

/// A few threads for work that may stall: recovery, sync, roll, deletion, metadata changes, reads of what is not in
/// memory. Tasks start in order.
class BlockingPool {
 public:
  enum class Priority { normal, background };  ///< background: when other threads have nothing to do, mostly

  BlockingPool(unsigned threads, const char* name, Priority priority = Priority::normal);
  ~BlockingPool();  ///< as `finish`
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  void post(Task task);
  void finish();  ///< runs what was posted, then joins; idempotent; nothing may be posted after it

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::broker
