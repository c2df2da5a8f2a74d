#pragma once

#include <array>
#include <string_view>

namespace sluice::broker::controller {

inline constexpr std::string_view kMinInSyncReplicas = "min.insync.replicas";

/// Settings of brokers that no two may have differently, as far as topics do not say otherwise: the controller keeps
/// the ELR by min.insync.replicas, and leaders must not acknowledge with fewer (KIP-966); a leader that goes by
/// `sluice.durability=fsync` waits for followers that must sync, too.
///
/// So the first controller of a cluster writes its own values down as the dynamic defaults of all brokers, which go
/// before what a node is started with. From then on they can be changed for all brokers, and neither for one nor not at
/// all.
inline constexpr std::array kClusterDefaults{kMinInSyncReplicas, std::string_view{"sluice.durability"}};

constexpr bool is_cluster_default(std::string_view setting) noexcept {
  for (const auto name : kClusterDefaults) {
    if (name == setting) return true;
  }
  return false;
}

}  // namespace sluice::broker::controller
