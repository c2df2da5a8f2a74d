#include "protocol/wire/header.hpp"

#include "protocol/messages/apis.hpp"
#include "protocol/wire/reader.hpp"

namespace sluice::wire {

std::optional<std::int16_t> request_header_version(std::int16_t api_key, std::int16_t api_version) noexcept {
  const auto* api = protocol::find_api(api_key);
  if (!api || api->request_versions.empty()) return std::nullopt;
  return api_version >= api->request_first_flexible ? 2 : 1;
}

std::optional<std::int16_t> response_header_version(std::int16_t api_key, std::int16_t api_version) noexcept {
  const auto* api = protocol::find_api(api_key);
  if (!api || api->response_versions.empty()) return std::nullopt;
  if (api->key == protocol::ApiKey::api_versions) return 0;
  return api_version >= api->response_first_flexible ? 1 : 0;
}

std::optional<protocol::RequestHeader> parse_request_header(Reader& in) {
  Reader ahead = in;
  const auto api_key = ahead.int16();
  const auto api_version = ahead.int16();
  const auto version = request_header_version(api_key, api_version);
  protocol::RequestHeader header;
  if (!ahead.ok() || !version || !decode(in, *version, header)) return std::nullopt;
  return header;
}

}  // namespace sluice::wire
