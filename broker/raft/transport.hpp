#pragma once

#include <vector>

#include "broker/raft/raft_message.hpp"

namespace sluice::broker::raft {

/// Where a server's messages go. They may be lost, be late, or come twice; a message to a node whose address is not
/// known is lost. Never waits. Called on the driver's thread.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual void send(std::vector<Message> messages) = 0;
};

}  // namespace sluice::broker::raft
