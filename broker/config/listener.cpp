#include "broker/config/listener.hpp"

#include <array>
#include <limits>
#include <unistd.h>
#include <utility>

#include "broker/config/text.hpp"

namespace sluice::broker::config {
namespace {

constexpr std::array<std::pair<std::string_view, SecurityProtocol>, 4> kProtocols{
    {{"PLAINTEXT", SecurityProtocol::plaintext},
     {"SSL", SecurityProtocol::ssl},
     {"SASL_PLAINTEXT", SecurityProtocol::sasl_plaintext},
     {"SASL_SSL", SecurityProtocol::sasl_ssl}}};

std::optional<SecurityProtocol> parse_protocol(std::string_view text) {
  const auto upper = to_upper(trim(text));
  for (const auto& [name, protocol] : kProtocols) {
    if (name == upper) return protocol;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(SecurityProtocol protocol) {
  for (const auto& [name, value] : kProtocols) {
    if (value == protocol) return name;
  }
  return "unknown";
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  text = trim(text);
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const auto port = parse_integer(text.substr(colon + 1));
  if (!port || *port < 0 || *port > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  const bool bracketed = host.size() >= 2 && host.starts_with('[') && host.ends_with(']');
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]/ ") != std::string_view::npos) {
    return std::nullopt;  // an IPv6 address needs its brackets
  }
  return Endpoint{std::string{host}, static_cast<std::uint16_t>(*port)};
}

bool is_every_interface(std::string_view host) { return host.empty() || host == "0.0.0.0" || host == "::"; }

std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

std::optional<NamedEndpoint> parse_listener(std::string_view text) {
  text = trim(text);
  const auto separator = text.find("://");
  if (separator == std::string_view::npos || separator == 0) return std::nullopt;
  auto endpoint = parse_endpoint(text.substr(separator + 3));
  if (!endpoint) return std::nullopt;
  return NamedEndpoint{to_upper(text.substr(0, separator)), std::move(*endpoint)};
}

std::optional<std::map<std::string, SecurityProtocol>> parse_protocol_map(std::string_view text) {
  std::map<std::string, SecurityProtocol> protocols;
  for (const auto& entry : split_list(text)) {
    const auto colon = entry.rfind(':');
    if (colon == std::string::npos || colon == 0) return std::nullopt;
    const auto protocol = parse_protocol(std::string_view{entry}.substr(colon + 1));
    if (!protocol) return std::nullopt;
    protocols[to_upper(trim(std::string_view{entry}.substr(0, colon)))] = *protocol;
  }
  return protocols;
}

}  // namespace sluice::broker::config
