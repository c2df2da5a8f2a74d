#pragma once

#include "protocol/messages/catalog.hpp"
#include "protocol/wire/reader.hpp"

namespace sluice::fuzz {

/// Decodes what `in` holds as `message`. Whatever decodes must have the size that encoded_size says when it is written
/// back, and what is written back must decode to an equal message. Returns whether it did decode.
bool check_message(const protocol::MessageInfo& message, std::int16_t version, wire::Reader& in);

}  // namespace sluice::fuzz
