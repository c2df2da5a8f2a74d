#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::broker::controller {

/// A feature of the cluster as this version of Sluice knows it (KIP-584).
struct Feature {
  std::string_view name;
  std::int16_t level_min;  ///< that can be finalized; 0: it can be switched off
  std::int16_t level_max;
  std::int16_t level_at_start;  ///< of a new cluster
};

inline constexpr std::string_view kMetadataVersion = "metadata.version";
/// Sluice's own format of metadata records has one level. Name and number are Kafka's, of the version whose features it
/// has, so that Kafka's tools know it: 4.3-IV0.
inline constexpr std::int16_t kMetadataLevel = 30;
inline constexpr std::string_view kGroupVersion = "group.version";
inline constexpr std::string_view kEligibleLeaderReplicas = "eligible.leader.replicas.version";

/// Ascending by name.
std::span<const Feature> known_features() noexcept;
const Feature* find_feature(std::string_view name) noexcept;

}  // namespace sluice::broker::controller
