#pragma once

#include <cstdint>
#include <optional>

#include "protocol/messages/request_header.hpp"
#include "protocol/messages/response_header.hpp"

/// Which header goes with which body. The broker must read the header of any ApiVersions request, whatever its version,
/// to be able to answer it.
namespace sluice::wire {

/// 2 when the body is flexible, else 1; for a version above those known the newest's; nullopt for an unknown key.
std::optional<std::int16_t> request_header_version(std::int16_t api_key, std::int16_t api_version) noexcept;

/// 1 when the body is flexible, else 0; always 0 for ApiVersions (KIP-511: its client does not know the versions yet).
std::optional<std::int16_t> response_header_version(std::int16_t api_key, std::int16_t api_version) noexcept;

/// Takes the header off the front of a request, its version chosen by the key and version it begins with. nullopt when
/// it is malformed or the key unknown. Whether the version of the body is one the caller serves is for the caller to
/// check.
std::optional<protocol::RequestHeader> parse_request_header(Reader& in);

}  // namespace sluice::wire
