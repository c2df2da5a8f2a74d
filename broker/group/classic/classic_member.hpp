#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "broker/group/effects.hpp"

namespace sluice::broker::group {

/// A way of assigning partitions that a member can follow, with what it tells the leader for it. Opaque to the broker.
struct MemberProtocol {
  std::string name;
  std::vector<std::byte> metadata;

  bool operator==(const MemberProtocol&) const = default;
};

/// One member of a classic group.
struct ClassicMember {
  std::string id;
  std::optional<std::string> instance_id;  ///< KIP-345: a static member
  std::string client_id;
  std::string client_host;
  std::chrono::milliseconds session_timeout{0};
  std::chrono::milliseconds rebalance_timeout{0};
  std::vector<MemberProtocol> protocols;  ///< by preference
  std::vector<std::byte> assignment;

  std::optional<Ticket> join;  ///< its JoinGroup, waiting for the others
  std::optional<Ticket> sync;  ///< its SyncGroup, waiting for the leader's
  bool is_new = false;         ///< its first JoinGroup is not answered yet
  bool has_synced = false;     ///< in this generation
  Instant session_deadline{0};

  bool is_static() const noexcept { return instance_id.has_value(); }
  const MemberProtocol* find_protocol(std::string_view name) const noexcept {
    for (const auto& protocol : protocols) {
      if (protocol.name == name) return &protocol;
    }
    return nullptr;
  }
};

}  // namespace sluice::broker::group
