#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/wire/message.hpp"

namespace sluice::protocol {

enum class MessageKind : std::uint8_t { request, response, header, data };

/// One message as functions of bytes, for code that takes any message: differential tests, fuzzers, dumps.
struct MessageInfo {
  std::string_view name;
  MessageKind kind{};
  std::int16_t key = -1;  ///< the API's; of data the number that announces the record in its topic, else -1
  VersionRange versions{};
  std::int16_t first_flexible = wire::kNeverFlexible;

  /// Decodes and writes back what was understood; false when the bytes are no such message. Bytes that follow the
  /// message stay in the reader. `size`: what encoded_size says of it.
  bool (*reencode)(wire::Reader& in, std::int16_t version, wire::Writer& out, std::size_t& size) = nullptr;
  /// Readable text or JSON of the message; empty when the bytes are none.
  std::string (*dump)(wire::Reader& in, std::int16_t version) = nullptr;
  std::string (*to_json)(wire::Reader& in, std::int16_t version) = nullptr;

  void (*write_default)(std::int16_t version, wire::Writer& out) = nullptr;
  void (*write_random)(wire::RandomSource& random, std::int16_t version, wire::Writer& out) = nullptr;
};

/// Requests and responses by key, then headers and data.
std::span<const MessageInfo> messages() noexcept;

/// Null when there is none.
const MessageInfo* find_message(std::string_view name) noexcept;
const MessageInfo* find_message(std::int16_t key, MessageKind kind) noexcept;

}  // namespace sluice::protocol
