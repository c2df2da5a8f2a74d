#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "protocol/base/ids.hpp"

namespace sluice {

/// One partition of a topic. Text form, also the name of its directory: "<topic>-<partition>".
struct TopicPartition {
  std::string topic;
  PartitionId partition;

  std::string to_string() const;
  /// The inverse: the partition follows the last dash, since topics may contain dashes. Takes only what `to_string`
  /// makes: no sign, no leading zeros, a topic of at least one character.
  static std::optional<TopicPartition> parse(std::string_view text);

  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
  friend std::ostream& operator<<(std::ostream& out, const TopicPartition& it) { return out << it.to_string(); }
};

}  // namespace sluice

template <>
struct std::hash<sluice::TopicPartition> {
  std::size_t operator()(const sluice::TopicPartition& it) const noexcept {
    const auto topic = std::hash<std::string>{}(it.topic);
    // The golden ratio's bits, as in boost::hash_combine: partitions of a topic are numbered without gaps.
    return topic ^ (std::hash<sluice::PartitionId>{}(it.partition) + 0x9e3779b97f4a7c15 + (topic << 6) + (topic >> 2));
  }
};
