#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/config/group_settings.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/group/classic/classic_group.hpp"
#include "broker/group/consumer/consumer_group.hpp"
#include "broker/group/effects.hpp"

namespace sluice::broker::group {

// A group that changes its protocol while it has members (KIP-848, "online migration"), so that its consumers can be
// replaced one by one. A classic group turns into a consumer group when the first consumer of the new protocol joins;
// its members stay in as classic members (consumer_group_classic.cpp). It turns back when the last consumer of the new
// protocol is gone. The epochs of the one are the generations of the other.

struct Upgraded {
  std::string obstacle{};  ///< why not, for the client; without one the rest is there
  std::unique_ptr<ConsumerGroup> group{};
  std::vector<GroupRecord> records{};  ///< taken in by `group` already; they end the classic group
};

/// Changes nothing of `classic`. What its members were assigned last is what they own and what they are to own; what a
/// member told it had when it joined last it owns, too, unless somebody else was assigned it, until it has joined again
/// and tells otherwise.
Upgraded upgrade(const std::string& id, const ClassicGroup& classic, const config::GroupSettings& settings,
                 const controller::MetadataImage& image, Now now);

/// Those whose JoinGroup or SyncGroup waits are told to join again: what they wait for will not come.
Effects send_back_waiting(const ClassicGroup& classic);

struct Downgraded {
  std::unique_ptr<ClassicGroup> group{};
  std::vector<GroupRecord> records{};  ///< taken in by `group` already; they end the consumer group
};

/// nullopt: the group stays what it is, having other than classic members, or none, or more than a classic group may
/// have or one record hold, or no way of assigning that all of them know; or the settings do not allow it. The members
/// have to join again unless everyone owns what it is to own.
std::optional<Downgraded> downgrade(const std::string& id, const ConsumerGroup& consumer,
                                    const config::GroupSettings& settings, const controller::MetadataImage& image,
                                    Now now);

}  // namespace sluice::broker::group
