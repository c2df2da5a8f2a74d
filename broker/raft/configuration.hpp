#pragma once

#include <algorithm>
#include <compare>
#include <ostream>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/base/uuid.hpp"

namespace sluice::broker::raft {

/// Who takes part: a node and the disk it remembers with. A node that lost its disk is somebody else, since what it
/// promised is forgotten (KIP-853).
///
/// A zero directory in a configuration or an address means: whichever that node has. A voter named so is *unpinned*;
/// only voters listed at the start are, until their first leader learns the directory.
struct ReplicaKey {
  BrokerId node{kNoBroker};
  Uuid directory{};

  bool is_pinned() const noexcept { return !directory.is_zero(); }
  /// Whether `other` may answer to this name.
  bool names(const ReplicaKey& other) const noexcept {
    return node == other.node && (!is_pinned() || directory == other.directory);
  }

  friend constexpr auto operator<=>(const ReplicaKey&, const ReplicaKey&) noexcept = default;
  friend std::ostream& operator<<(std::ostream& out, const ReplicaKey& key) {
    return out << key.node << '@' << key.directory;
  }
};

/// The voters. Everybody else that follows the log is a learner, and needs no place in it.
class Configuration {
 public:
  Configuration() = default;
  explicit Configuration(std::vector<ReplicaKey> voters) : voters_(std::move(voters)) {
    std::sort(voters_.begin(), voters_.end());
  }

  const std::vector<ReplicaKey>& voters() const noexcept { return voters_; }
  bool is_empty() const noexcept { return voters_.empty(); }

  /// The voter with that node id; null when there is none.
  const ReplicaKey* find(BrokerId node) const noexcept {
    const auto found =
        std::find_if(voters_.begin(), voters_.end(), [&](const ReplicaKey& voter) { return voter.node == node; });
    return found == voters_.end() ? nullptr : &*found;
  }
  /// Whether that replica, whose directory is known, is a voter.
  bool has(const ReplicaKey& replica) const noexcept {
    const auto* voter = find(replica.node);
    return voter != nullptr && voter->names(replica);
  }

  /// Pre: `without` removes a node that is a voter, `with` adds one that is not.
  Configuration with(const ReplicaKey& voter) const {
    auto voters = voters_;
    voters.push_back(voter);
    return Configuration{std::move(voters)};
  }
  Configuration without(BrokerId node) const {
    auto voters = voters_;
    std::erase_if(voters, [&](const ReplicaKey& voter) { return voter.node == node; });
    return Configuration{std::move(voters)};
  }

  friend bool operator==(const Configuration&, const Configuration&) = default;

 private:
  std::vector<ReplicaKey> voters_;  // ascending, a node at most once
};

}  // namespace sluice::broker::raft
