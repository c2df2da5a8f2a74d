#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "broker/group/classic/classic_group.hpp"
#include "broker/group/consumer/consumer_group.hpp"
#include "broker/group/offsets.hpp"

namespace sluice::broker::group {

/// One group as its shard keeps it: its offsets, and the core of the protocol that its members speak. There may be a
/// million that have a few offsets only, so nothing is made before it is needed.
///
/// Invariant: at most one core; none while there are only offsets.
struct CoordinatedGroup {
  std::unique_ptr<ClassicGroup> classic{};
  std::unique_ptr<ConsumerGroup> consumer{};
  Offsets offsets{};
  std::uint32_t appends = 0;     ///< of records of this group, under way
  std::optional<Instant> due{};  ///< as the shard has noted it

  /// "Empty" and the like, as clients are told.
  std::string_view state_name() const noexcept;
  /// Nobody is in it, nor on the way in, nor away for a while.
  bool is_deserted() const;
  /// As is_deserted, but ids given out to those who have not joined yet do not count.
  bool is_empty() const;
  bool is_subscribed_to(std::string_view topic) const;
  /// What has expired of its offsets is asked of them with this.
  Offsets::Expiry expiry(Now now, std::chrono::milliseconds retention) const;

  std::optional<Instant> next_deadline() const;
  Effects tick(Now now);

  /// All that is stored of the group, as tombstones.
  std::vector<GroupRecord> tombstones(const std::string& id) const;
  /// As `tombstones`, without the offsets.
  std::vector<GroupRecord> core_tombstones(const std::string& id) const;
  /// Nothing of it is worth keeping.
  bool is_gone() const;
};

}  // namespace sluice::broker::group
