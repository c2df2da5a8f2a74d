#pragma once

#include "protocol/messages/catalog.hpp"
#include "protocol/wire/random_source.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

/// How the generated catalog.cpp makes the entry of a message type.
namespace sluice::protocol {

template <class Message>
constexpr MessageInfo catalog_entry(std::string_view name, MessageKind kind, std::int16_t key) {
  MessageInfo info{.name = name, .kind = kind, .key = key};
  info.versions = Message::kVersions;
  info.first_flexible = Message::kFirstFlexible;
  info.reencode = [](wire::Reader& in, std::int16_t version, wire::Writer& out, std::size_t& size) {
    Message message;
    if (!decode(in, version, message)) return false;
    size = encoded_size(message, version);
    encode(message, version, out);
    return true;
  };
  info.dump = [](wire::Reader& in, std::int16_t version) {
    Message message;
    return decode(in, version, message) ? dump(message) : std::string{};
  };
  info.to_json = [](wire::Reader& in, std::int16_t version) {
    Message message;
    return decode(in, version, message) ? to_json(message) : std::string{};
  };
  info.write_default = [](std::int16_t version, wire::Writer& out) { encode(Message{}, version, out); };
  info.write_random = [](wire::RandomSource& random, std::int16_t version, wire::Writer& out) {
    Message message;
    randomize(message, version, random);
    encode(message, version, out);
  };
  return info;
}

}  // namespace sluice::protocol
