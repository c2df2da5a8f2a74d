#include "broker/controller/features.hpp"

#include <algorithm>
#include <array>

namespace sluice::broker::controller {
namespace {

constexpr std::array kFeatures{
    Feature{.name = kEligibleLeaderReplicas, .level_min = 0, .level_max = 1, .level_at_start = 1},  // KIP-966
    Feature{.name = kGroupVersion, .level_min = 0, .level_max = 1, .level_at_start = 1},            // KIP-848
    Feature{.name = kMetadataVersion,
            .level_min = kMetadataLevel,
            .level_max = kMetadataLevel,
            .level_at_start = kMetadataLevel},
};

}  // namespace

std::span<const Feature> known_features() noexcept { return kFeatures; }

const Feature* find_feature(std::string_view name) noexcept {
  const auto found = std::ranges::find(kFeatures, name, &Feature::name);
  return found == kFeatures.end() ? nullptr : &*found;
}

}  // namespace sluice::broker::controller
