#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/error_code.hpp"

namespace sluice::broker {

namespace controller {
class Controller;
}

/// Hands out producer ids, each once in the life of the cluster, from blocks that the controller allocates. What is
/// left of a block at a restart is given up.
class ProducerIds {
 public:
  using Take = std::function<void(protocol::ErrorCode, ProducerId)>;

  ProducerIds(controller::Controller& controller, BrokerId this_broker)
      : controller_(controller), this_broker_(this_broker) {}

  /// Calls `take` at once while the block lasts, else when the next was allocated; on any thread.
  void next(Take take);

 private:
  void allocate();

  controller::Controller& controller_;
  const BrokerId this_broker_;
  std::mutex mutex_;
  std::int64_t next_ = 0;
  std::int64_t end_ = 0;  // of the block: next_ == end_ when it is used up
  std::vector<Take> waiting_;
};

}  // namespace sluice::broker
