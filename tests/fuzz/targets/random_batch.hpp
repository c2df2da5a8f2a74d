#pragma once

#include "protocol/record/batch_builder.hpp"
#include "tests/fuzz/random_bytes.hpp"

namespace sluice::fuzz {

/// Appends a sound batch of a few small records, of any codec and with or without a producer, that begins at `options`'
/// base offset. Returns the offset after it.
Offset append_batch(Bytes& to, record::BatchOptions options, RandomBytes& random);

}  // namespace sluice::fuzz
