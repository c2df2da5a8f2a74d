#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"

namespace sluice::record {

/// Unpacks one codec's stream piece by piece. Keeps its context and buffers from one stream to the next.
class Decoder {
 public:
  virtual ~Decoder() = default;

  /// `compressed` must live until the last read; `output_bytes_max` bounds what a decoder that can't work in pieces
  /// (snappy) may hold at a time.
  virtual Result<void> start(ByteView compressed, std::size_t output_bytes_max) = 0;

  /// Fills some of `into`, which is not empty; 0 at the clean end of the stream, with all input used.
  virtual Result<std::size_t> read(MutableBytes into) = 0;
};

/// Packs a whole stream at once. Keeps its context from one stream to the next.
class Encoder {
 public:
  virtual ~Encoder() = default;

  /// Appends the packed form of `plain` to `out`. A level outside the codec's range is taken to its nearest end.
  virtual void encode(ByteView plain, int level, std::vector<std::byte>& out) = 0;
};

std::unique_ptr<Decoder> make_gzip_decoder();
std::unique_ptr<Decoder> make_snappy_decoder();
std::unique_ptr<Decoder> make_lz4_decoder();
std::unique_ptr<Decoder> make_zstd_decoder();

std::unique_ptr<Encoder> make_gzip_encoder();
std::unique_ptr<Encoder> make_snappy_encoder();
std::unique_ptr<Encoder> make_lz4_encoder();
std::unique_ptr<Encoder> make_zstd_encoder();

}  // namespace sluice::record
