#pragma once

#include <algorithm>
#include <map>
#include <optional>

#include "client/wire_connection.hpp"
#include "protocol/api_key.hpp"
#include "protocol/error_code.hpp"
#include "protocol/wire/version_range.hpp"

namespace sluice::client {

/// A blocking connection that asked the broker which versions it speaks (KIP-35), and calls every API in the newest
/// that both know.
class NegotiatedConnection {
 public:
  /// Errors: as WireConnection; protocol_not_supported when the broker refuses to tell its versions.
  static Result<NegotiatedConnection> open(const std::string& host, std::uint16_t port,
                                           std::chrono::milliseconds timeout);

  /// Errors: as WireConnection::call; protocol_not_supported when no version is common.
  template <class Api>
  Result<typename Api::Response> call(const typename Api::Request& request) {
    const auto chosen = version_of<Api>();
    if (!chosen) return std::make_error_code(std::errc::protocol_not_supported);
    return connection_.call<Api>(request, *chosen);
  }

  template <class Api>
  std::optional<std::int16_t> version_of() const {
    return newest_common(Api::key, Api::versions);
  }

  /// What the broker said, by key.
  const std::map<protocol::ApiKey, wire::VersionRange>& versions() const noexcept { return versions_; }

 private:
  explicit NegotiatedConnection(WireConnection connection) : connection_(std::move(connection)) {}

  Result<> learn_versions();
  std::optional<std::int16_t> newest_common(protocol::ApiKey key, wire::VersionRange ours) const;

  WireConnection connection_;
  std::map<protocol::ApiKey, wire::VersionRange> versions_;
};

}  // namespace sluice::client
