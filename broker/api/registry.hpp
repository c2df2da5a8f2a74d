#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "broker/server/respond.hpp"
#include "protocol/api_key.hpp"
#include "protocol/peer/peer_apis.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::broker::api {

/// One API as this broker serves it. ApiVersions answers, dispatch and metrics names all follow from the list.
struct ApiEntry {
  protocol::ApiKey key;
  std::string_view name;
  std::int16_t min_version;  ///< served
  std::int16_t max_version;
  std::int16_t first_flexible_version;
  std::int16_t advertised_min_version;  ///< told to clients; lower than served for Produce only

  /// Decodes the body and calls the handler; false, with nothing called, when the body is malformed.
  bool (*handle)(wire::Reader& body, std::int16_t version, std::unique_ptr<ResponseSink>& sink);
  void (*encode)(const void* response, std::int16_t version, wire::Writer& writer);
  std::size_t (*encoded_size)(const void* response, std::int16_t version);
  /// Reports every error code other than `none` that the response carries.
  void (*visit_errors)(const void* response, void (*report)(void* to, std::int16_t error), void* to);
};

/// The APIs that clients are served and told of, ascending by key.
std::span<const ApiEntry> entries() noexcept;
/// Those of nodes among themselves (protocol/peer/peer_apis.hpp), served on listeners of brokers and controllers alone.
std::span<const ApiEntry> peer_entries() noexcept;
constexpr bool is_peer_key(std::int16_t key) noexcept { return key >= protocol::kFirstPeerKey; }
/// Of either kind.
const ApiEntry* find(std::int16_t key) noexcept;

}  // namespace sluice::broker::api
