#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>

namespace sluice {

/// An integer that is an identity: comparable and hashable, with no arithmetic and no implicit conversion.
template <class Tag, class Rep>
class Id {
 public:
  using rep = Rep;

  constexpr Id() noexcept = default;
  constexpr explicit Id(Rep value) noexcept : value_(value) {}

  constexpr Rep value() const noexcept { return value_; }
  friend constexpr auto operator<=>(Id, Id) noexcept = default;
  friend std::ostream& operator<<(std::ostream& out, Id id) { return out << +id.value_; }

 private:
  Rep value_{};
};

/// A place on a line: positions subtract to a distance, and a distance moves a position.
template <class Tag, class Rep>
class Position {
 public:
  using rep = Rep;

  constexpr Position() noexcept = default;
  constexpr explicit Position(Rep value) noexcept : value_(value) {}

  constexpr Rep value() const noexcept { return value_; }
  friend constexpr auto operator<=>(Position, Position) noexcept = default;
  friend constexpr Rep operator-(Position left, Position right) noexcept { return left.value_ - right.value_; }
  friend constexpr Position operator+(Position at, Rep by) noexcept {
    return Position{static_cast<Rep>(at.value_ + by)};
  }
  friend constexpr Position operator-(Position at, Rep by) noexcept {
    return Position{static_cast<Rep>(at.value_ - by)};
  }
  friend std::ostream& operator<<(std::ostream& out, Position at) { return out << at.value_; }

 private:
  Rep value_{};
};

using BrokerId = Id<struct BrokerIdTag, std::int32_t>;        ///< -1: none
using PartitionId = Id<struct PartitionIdTag, std::int32_t>;  ///< index of a partition within its topic
using LeaderEpoch = Id<struct LeaderEpochTag, std::int32_t>;  ///< -1: unknown
using ProducerId = Id<struct ProducerIdTag, std::int64_t>;    ///< -1: none
using ProducerEpoch = Id<struct ProducerEpochTag, std::int16_t>;

using Offset = Position<struct OffsetTag, std::int64_t>;              ///< of a record in a partition; -1: none
using FilePosition = Position<struct FilePositionTag, std::int64_t>;  ///< bytes from the start of a file
using Timestamp = Position<struct TimestampTag, std::int64_t>;        ///< milliseconds since 1970 UTC; -1: none

inline constexpr BrokerId kNoBroker{-1};
inline constexpr LeaderEpoch kNoLeaderEpoch{-1};
inline constexpr ProducerId kNoProducerId{-1};
inline constexpr ProducerEpoch kNoProducerEpoch{-1};
inline constexpr Offset kNoOffset{-1};
inline constexpr Timestamp kNoTimestamp{-1};

}  // namespace sluice

template <class Tag, class Rep>
struct std::hash<sluice::Id<Tag, Rep>> {
  std::size_t operator()(sluice::Id<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value()); }
};

template <class Tag, class Rep>
struct std::hash<sluice::Position<Tag, Rep>> {
  std::size_t operator()(sluice::Position<Tag, Rep> at) const noexcept { return std::hash<Rep>{}(at.value()); }
};
