#pragma once

#include <functional>

#include "protocol/base/bytes.hpp"
#include "protocol/record/batch_view.hpp"
#include "tools/cli/table.hpp"

namespace sluice::tools {

/// Takes what a dump finds, one thing after the other: a flat object whose fields are in the order to print them.
using ItemSink = std::function<void(const Json& item)>;

/// null, text, or {"base64": …} where the bytes are no printable UTF-8.
Json json_of_bytes(const std::optional<ByteView>& bytes);

/// Everything a batch's header says, and whether its CRC holds.
Json json_of_batch(const record::BatchView& batch, std::uint64_t position);

std::string_view codec_name(record::Compression codec) noexcept;

}  // namespace sluice::tools
