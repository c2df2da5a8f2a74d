#pragma once

#include <compare>
#include <cstddef>
#include <functional>

#include "protocol/base/ids.hpp"
#include "protocol/base/uuid.hpp"

namespace sluice::broker::replication {

/// A partition of a topic's one life: a topic that is created anew has another id.
struct PartitionKey {
  Uuid topic_id{};
  PartitionId partition{};
  friend auto operator<=>(const PartitionKey&, const PartitionKey&) = default;
};

}  // namespace sluice::broker::replication

template <>
struct std::hash<sluice::broker::replication::PartitionKey> {
  std::size_t operator()(const sluice::broker::replication::PartitionKey& key) const noexcept {
    const auto spread = static_cast<std::size_t>(key.partition.value()) * 0x9e3779b97f4a7c15ULL;
    return std::hash<sluice::Uuid>{}(key.topic_id) ^ spread ^ (spread >> 32);
  }
};
