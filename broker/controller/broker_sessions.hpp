#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <vector>

#include "broker/raft/raft_types.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::broker::controller {

/// Who was heard of how long ago. Soft state of the active controller: a new one begins with a whole session for all.
class BrokerSessions {
 public:
  explicit BrokerSessions(std::chrono::milliseconds timeout) : timeout_(timeout) {}

  void touch(BrokerId broker, raft::Instant now) { ends_[broker] = now + timeout_; }
  void end(BrokerId broker) { ends_.erase(broker); }
  void clear() { ends_.clear(); }
  bool has(BrokerId broker, raft::Instant now) const {
    const auto found = ends_.find(broker);
    return found != ends_.end() && found->second > now;
  }
  std::vector<BrokerId> expired(raft::Instant now) const {
    std::vector<BrokerId> found;
    for (const auto& [broker, end] : ends_) {
      if (end <= now) found.push_back(broker);
    }
    return found;
  }
  std::optional<raft::Instant> next_end() const {
    std::optional<raft::Instant> next;
    for (const auto& [broker, end] : ends_) {
      if (!next || end < *next) next = end;
    }
    return next;
  }

 private:
  const raft::Duration timeout_;
  std::map<BrokerId, raft::Instant> ends_;
};

}  // namespace sluice::broker::controller
