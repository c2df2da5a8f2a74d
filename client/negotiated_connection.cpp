#include "client/negotiated_connection.hpp"

namespace sluice::client {

using protocol::ErrorCode;

Result<NegotiatedConnection> NegotiatedConnection::open(const std::string& host, std::uint16_t port,
                                                        std::chrono::milliseconds timeout) {
  auto opened = WireConnection::open(host, port, timeout);
  if (!opened) return opened.error();
  NegotiatedConnection connection{std::move(*opened)};
  if (const auto learned = connection.learn_versions(); !learned) return learned.error();
  return connection;
}

// Version 3 is answered by everything since Kafka 2.4; an older broker answers any version it does not know in
// version 0, with an error, after which version 0 is asked for.
Result<> NegotiatedConnection::learn_versions() {
  protocol::ApiVersionsRequest request;
  request.client_software_name = "sluice";
  request.client_software_version = "1";
  auto answer = connection_.call<protocol::ApiVersions>(request, 3);
  const bool older = answer ? answer->error_code == ErrorCode::unsupported_version
                            : answer.error() == std::make_error_code(std::errc::bad_message);
  if (older) answer = connection_.call<protocol::ApiVersions>({}, 0);
  if (!answer) return answer.error();
  if (answer->error_code != ErrorCode::none) return std::make_error_code(std::errc::protocol_not_supported);
  for (const auto& api : answer->api_keys) {
    versions_[static_cast<protocol::ApiKey>(api.api_key)] = {api.min_version, api.max_version};
  }
  return {};
}

std::optional<std::int16_t> NegotiatedConnection::newest_common(protocol::ApiKey key, wire::VersionRange ours) const {
  const auto theirs = versions_.find(key);
  if (theirs == versions_.end()) return std::nullopt;
  const auto newest = std::min(ours.max, theirs->second.max);
  if (newest < std::max(ours.min, theirs->second.min)) return std::nullopt;
  return newest;
}

}  // namespace sluice::client
