#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::broker::config {

enum class SecurityProtocol : std::uint8_t { plaintext, ssl, sasl_plaintext, sasl_ssl };

std::string_view to_string(SecurityProtocol protocol);

struct Endpoint {
  std::string host;        ///< empty: every interface (to bind); brackets of an IPv6 address are stripped
  std::uint16_t port = 0;  ///< 0: any free port (to bind)

  bool operator==(const Endpoint&) const = default;
};

/// One entry of `listeners`: NAME://host:port, with the protocol that listener.security.protocol.map gives the name.
struct Listener {
  std::string name;
  std::string host;
  std::uint16_t port = 0;
  SecurityProtocol security_protocol = SecurityProtocol::plaintext;

  bool operator==(const Listener&) const = default;
};

/// host:port, [v6]:port or :port. nullopt when it is none of these.
std::optional<Endpoint> parse_endpoint(std::string_view text);

/// No host, or what stands for all of them.
bool is_every_interface(std::string_view host);
/// This machine's name; localhost where it has none.
std::string machine_name();

struct NamedEndpoint {
  std::string name;  ///< upper case
  Endpoint endpoint;
};

/// NAME://host:port. nullopt when it is not.
std::optional<NamedEndpoint> parse_listener(std::string_view text);

/// `NAME:PROTOCOL,...` by upper-case name. nullopt when an entry is not of that form.
std::optional<std::map<std::string, SecurityProtocol>> parse_protocol_map(std::string_view text);

}  // namespace sluice::broker::config
