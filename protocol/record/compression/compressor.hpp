#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/record/batch_format.hpp"
#include "protocol/record/compression/codec.hpp"

namespace sluice::record {

/// Kafka's default level of `codec`; 0 for those without levels.
int default_level(Compression codec) noexcept;

/// Packs the records of batches. Contexts are made on first use and reused. One thread at a time.
class Compressor {
 public:
  /// Appends the packed form of `plain` to `out`. Pre: `codec` is one of the enumerators.
  void compress(Compression codec, int level, ByteView plain, std::vector<std::byte>& out);

 private:
  std::array<std::unique_ptr<Encoder>, 5> encoders_;  // by codec; none has none
};

}  // namespace sluice::record
