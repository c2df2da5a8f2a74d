// Decodes and re-encodes messages, for comparison with other implementations.
//
// Lines in and out: api_key,version,kind,hex. Kinds:
//   request, response      a body, without header
//   reqheader:vN           the header that goes with version N of the API's request; also resheader:vN
//   data:Name              a record of an internal topic without its version prefix; api_key is -1
// What cannot be decoded is answered by api_key,version,kind,error: why.

#include <charconv>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages/apis.hpp"
#include "protocol/messages/catalog.hpp"
#include "protocol/wire/header.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice {

namespace {

using protocol::MessageInfo;
using protocol::MessageKind;

std::optional<std::int16_t> parse_number(std::string_view text) {
  std::int16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::vector<std::byte>> parse_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(high * 16 + low));
  }
  return bytes;
}

std::string to_hex(ByteView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const auto byte : bytes) {
    text += kDigits[static_cast<unsigned>(byte) >> 4];
    text += kDigits[static_cast<unsigned>(byte) & 0xf];
  }
  return text;
}

/// The message that a line names, and its version; or why there is none.
struct Choice {
  const MessageInfo* message = nullptr;
  std::int16_t version = 0;
  std::string_view error{};
};

Choice choose_header(std::int16_t key, std::string_view kind) {
  const bool request = kind.starts_with("reqheader:v");
  const auto body_version = parse_number(kind.substr(kind.find(":v") + 2));
  const auto* api = protocol::find_api(key);
  if (!api) return {.error = "unknown key"};
  const auto& versions = request ? api->request_versions : api->response_versions;
  if (!body_version || !versions.contains(*body_version)) return {.error = "unknown version"};
  const auto version =
      request ? wire::request_header_version(key, *body_version) : wire::response_header_version(key, *body_version);
  return {.message = protocol::find_message(request ? "RequestHeader" : "ResponseHeader"), .version = *version};
}

Choice choose_data(std::int16_t key, std::int16_t version, std::string_view name) {
  if (key != -1) return {.error = "the key of data is -1"};
  const auto* message = protocol::find_message(name);
  if (!message || message->kind != MessageKind::data) return {.error = "unknown name"};
  return {.message = message, .version = version};
}

Choice choose(std::string_view key_text, std::string_view version_text, std::string_view kind) {
  const auto key = parse_number(key_text);
  const auto version = parse_number(version_text);
  if (!key) return {.error = "the key is no number"};
  if (!version) return {.error = "the version is no number"};
  if (kind.starts_with("reqheader:v") || kind.starts_with("resheader:v")) return choose_header(*key, kind);
  if (kind.starts_with("data:")) return choose_data(*key, *version, kind.substr(5));
  if (kind != "request" && kind != "response") return {.error = "unknown kind"};
  if (!protocol::find_api(*key)) return {.error = "unknown key"};
  const auto message_kind = kind == "request" ? MessageKind::request : MessageKind::response;
  return {.message = protocol::find_message(*key, message_kind), .version = *version};
}

std::string reencode(const Choice& choice, std::string_view hex) {
  if (!choice.error.empty()) return "error: " + std::string{choice.error};
  if (!choice.message || !choice.message->versions.contains(choice.version)) return "error: unknown version";
  auto bytes = parse_hex(hex);
  if (!bytes) return "error: not hexadecimal digits in pairs";
  wire::Reader in{MutableBytes{*bytes}};
  wire::Writer out;
  std::size_t size = 0;
  if (!choice.message->reencode(in, choice.version, out, size)) return "error: malformed";
  if (in.remaining() > 0) return "error: " + std::to_string(in.remaining()) + " bytes follow the message";
  if (size != out.size()) return "error: encoded_size says " + std::to_string(size);
  return to_hex(out.bytes());
}

std::string answer(std::string_view line) {
  std::string_view fields[4];
  std::string_view rest = line;
  for (int i = 0; i < 3; ++i) {
    const auto comma = rest.find(',');
    if (comma == std::string_view::npos) return std::string{line} + ",error: expected api_key,version,kind,hex";
    fields[i] = rest.substr(0, comma);
    rest = rest.substr(comma + 1);
  }
  const auto prefix = line.substr(0, line.size() - rest.size());
  return std::string{prefix} + reencode(choose(fields[0], fields[1], fields[2]), rest);
}

}  // namespace

}  // namespace sluice

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    if (line.ends_with('\r')) line.pop_back();
    std::cout << sluice::answer(line) << '\n';
    if (std::cin.rdbuf()->in_avail() <= 0) std::cout.flush();  // a peer may wait for each answer
  }
}
