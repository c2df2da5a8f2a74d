#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/base/ids.hpp"

namespace sluice::broker::group {

inline constexpr std::string_view kOffsetsTopic = "__consumer_offsets";

/// String.hashCode of Java: over UTF-16 units. Bytes that are no UTF-8 count as U+FFFD each.
std::int32_t java_hash(std::string_view utf8) noexcept;

/// The partition of `__consumer_offsets` that keeps a group; its leader is the group's coordinator. Pre: count > 0.
PartitionId partition_of_group(std::string_view group, std::int32_t partition_count) noexcept;

}  // namespace sluice::broker::group
