#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/batch_format.hpp"
#include "protocol/record/compression/codec.hpp"

namespace sluice::record {

/// Unpacks the records of batches as streams, never to more than a bound. Contexts and buffers are made on first use
/// and reused: in steady state nothing is allocated. One stream at a time, one thread at a time.
class Decompressor {
 public:
  /// Begins a stream, dropping the one before. `compressed` must live until the last read.
  /// Errors: `Errc::unknown_codec`, `Errc::corrupt_compressed`.
  Result<void> start(Compression codec, ByteView compressed, std::size_t output_bytes_max);

  /// Fills some of `into`, which is not empty; 0 at the clean end of the stream.
  /// Errors: `Errc::corrupt_compressed`, `Errc::decompressed_too_large`. After an error only `start` may be called.
  Result<std::size_t> read(MutableBytes into);

 private:
  std::array<std::unique_ptr<Decoder>, 5> decoders_;  // by codec; none has none
  Decoder* active_ = nullptr;                         // null: the stream is not compressed, `plain_` is its rest
  ByteView plain_;
  std::size_t output_bytes_left_ = 0;
};

}  // namespace sluice::record
