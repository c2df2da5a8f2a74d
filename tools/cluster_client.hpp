#pragma once

#include <string>

#include "client/negotiated_connection.hpp"
#include "protocol/messages/metadata.hpp"
#include "tools/cli/failure.hpp"
#include "tools/cli/globals.hpp"

namespace sluice::tools {

/// A connection to one of the brokers that were given, and what failures mean to a person.
class ClusterClient {
 public:
  /// The first of `globals.brokers` that answers.
  static Outcome<ClusterClient> connect(const Globals& globals);

  const std::string& address() const noexcept { return address_; }
  const client::NegotiatedConnection& connection() const noexcept { return connection_; }

  template <class Api>
  Outcome<typename Api::Response> call(const typename Api::Request& request) {
    auto answer = connection_.call<Api>(request);
    if (!answer) return call_failure(Api::name, answer.error());
    return std::move(*answer);
  }

  /// Metadata of the topics of these names, or of all.
  Outcome<protocol::MetadataResponse> metadata(const std::optional<std::vector<std::string>>& topics);

  /// What `code` says of `what` ("topic orders"), which was tried by `tried` ("delete").
  Failure refusal(protocol::ErrorCode code, const std::string& what, const std::string& tried,
                  const std::optional<std::string>& message = {}) const;
  /// No topic of that name; names one that is spelled alike.
  Failure no_such_topic(const std::string& name, const std::string& tried);

 private:
  ClusterClient(client::NegotiatedConnection connection, std::string address)
      : connection_(std::move(connection)), address_(std::move(address)) {}

  Failure call_failure(std::string_view api, std::error_code error) const;

  client::NegotiatedConnection connection_;
  std::string address_;
};

struct Address {
  std::string host;
  std::uint16_t port;
};

/// "host", "host:port", "[v6]:port"; the port is 9092 when none is given.
std::optional<Address> parse_address(std::string_view text);

}  // namespace sluice::tools
