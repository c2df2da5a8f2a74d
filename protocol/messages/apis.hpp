#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/api_key.hpp"
#include "protocol/wire/version_range.hpp"

namespace sluice::protocol {

/// What the schemas say of an API, for code that learns its key at run time. An API that Kafka removed has no versions.
struct ApiInfo {
  ApiKey key{};
  std::string_view name;
  wire::VersionRange request_versions{};
  wire::VersionRange response_versions{};
  std::int16_t request_first_flexible = wire::kNeverFlexible;
  std::int16_t response_first_flexible = wire::kNeverFlexible;
  std::optional<std::int16_t>
      first_unstable{};  ///< versions from here on may still change; Kafka hides them by default
};

/// By key, from 0 on without gaps.
std::span<const ApiInfo> apis() noexcept;

/// Null when no API has the key.
const ApiInfo* find_api(std::int16_t key) noexcept;

}  // namespace sluice::protocol
