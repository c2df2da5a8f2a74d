#include "tools/cluster_client.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <numeric>

namespace sluice::tools {
namespace {

using protocol::ErrorCode;

constexpr std::uint16_t kDefaultPort = 9092;

// Levenshtein's: letters to insert, remove or replace.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    auto diagonal = row[0]++;
    for (std::size_t k = 0; k < right.size(); ++k) {
      const auto replaced = diagonal + (left[i] == right[k] ? 0 : 1);
      diagonal = row[k + 1];
      row[k + 1] = std::min({replaced, row[k] + 1, row[k + 1] + 1});
    }
  }
  return row.back();
}

std::string nearest(const std::string& name, const protocol::MetadataResponse& metadata) {
  constexpr std::size_t kAlike = 3;
  std::string found;
  auto best = std::min(kAlike, name.size());
  for (const auto& topic : metadata.topics) {
    const auto apart = topic.name ? distance(name, *topic.name) : best;
    if (apart >= best) continue;
    best = apart;
    found = *topic.name;
  }
  return found;
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  Address address{.host = std::string{text}, .port = kDefaultPort};
  const bool bracketed = text.starts_with('[');
  const auto colon = bracketed ? text.find("]:") : text.find(':');
  if (bracketed && !text.ends_with(']') && colon == std::string_view::npos) return std::nullopt;
  if (colon != std::string_view::npos) {
    const auto digits = text.substr(colon + (bracketed ? 2 : 1));
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
    if (error != std::errc{} || end != digits.data() + digits.size() || address.port == 0) return std::nullopt;
  }
  if (bracketed) {
    address.host = text.substr(1, text.find(']') - 1);
  } else {
    address.host = text.substr(0, colon);
  }
  if (address.host.empty()) return std::nullopt;
  return address;
}

Outcome<ClusterClient> ClusterClient::connect(const Globals& globals) {
  std::vector<std::string> answers;
  for (const auto& broker : globals.brokers) {
    const auto address = parse_address(broker);
    if (!address) return Failure{.status = ExitStatus::usage, .message = fmt::format("{} is no HOST:PORT", broker)};
    auto connection = client::NegotiatedConnection::open(address->host, address->port, globals.timeout);
    if (connection) return ClusterClient{std::move(*connection), broker};
    answers.push_back(fmt::format("{}: {}", broker, connection.error().message()));
  }
  return Failure{
      .status = ExitStatus::unreachable,
      .message = fmt::format("cannot reach any of {}", fmt::join(globals.brokers, ",")),
      .tried = fmt::format("connect and ask for its versions, {} s at most each", globals.timeout.count() / 1000),
      .answer = fmt::format("{}", fmt::join(answers, "; ")),
      .next = "name a broker by -b HOST:PORT or SLUICE_BROKERS"};
}

Outcome<protocol::MetadataResponse> ClusterClient::metadata(const std::optional<std::vector<std::string>>& topics) {
  protocol::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  request.topics.reset();
  if (topics) {
    request.topics.emplace();
    for (const auto& name : *topics) request.topics->emplace_back().name = name;
  }
  return call<protocol::Metadata>(request);
}

Failure ClusterClient::call_failure(std::string_view api, std::error_code error) const {
  const bool unsupported = error == std::errc::protocol_not_supported;
  const bool lost = error == std::errc::timed_out || error == std::errc::connection_reset;
  return {.status = lost ? ExitStatus::unreachable : ExitStatus::failed,
          .message = fmt::format("{} got no answer that could be used", api),
          .tried = fmt::format("{} on {}", api, address_),
          .answer = unsupported ? "the broker speaks no version of it that this program knows" : error.message()};
}

Failure ClusterClient::refusal(ErrorCode code, const std::string& what, const std::string& tried,
                               const std::optional<std::string>& message) const {
  const bool missing = code == ErrorCode::unknown_topic_or_partition || code == ErrorCode::unknown_topic_id;
  return {.status = missing ? ExitStatus::not_found : ExitStatus::failed,
          .message = fmt::format("{}: {}", what, message && !message->empty() ? *message : protocol::message(code)),
          .tried = fmt::format("{} on {}", tried, address_),
          .answer = std::string{protocol::name(code)},
          .next = "",
          .code = code};
}

Failure ClusterClient::no_such_topic(const std::string& name, const std::string& tried) {
  auto failure = refusal(ErrorCode::unknown_topic_or_partition, "topic " + name, tried);
  failure.message = "no topic named " + name;
  const auto all = metadata(std::nullopt);
  const auto alike = all ? nearest(name, *all) : std::string{};
  failure.next = alike.empty() ? "`sluice topic list`" : fmt::format("did you mean {}?  `sluice topic list`", alike);
  return failure;
}

}  // namespace sluice::tools
