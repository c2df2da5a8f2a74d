#include "protocol/record/compression/compressor.hpp"

#include "protocol/base/assert.hpp"

namespace sluice::record {
namespace {

std::unique_ptr<Encoder> make_encoder(Compression codec) {
  switch (codec) {
    case Compression::gzip: return make_gzip_encoder();
    case Compression::snappy: return make_snappy_encoder();
    case Compression::lz4: return make_lz4_encoder();
    case Compression::zstd: return make_zstd_encoder();
    case Compression::none: break;
  }
  return nullptr;
}

}  // namespace

int default_level(Compression codec) noexcept {
  switch (codec) {
    case Compression::gzip: return -1;
    case Compression::lz4: return 9;
    case Compression::zstd: return 3;
    case Compression::none:
    case Compression::snappy: break;
  }
  return 0;
}

void Compressor::compress(Compression codec, int level, ByteView plain, std::vector<std::byte>& out) {
  if (codec == Compression::none) {
    out.insert(out.end(), plain.begin(), plain.end());
    return;
  }
  const auto index = static_cast<std::size_t>(codec);
  SLUICE_ASSERT(index < encoders_.size(), index);
  auto& encoder = encoders_[index];
  if (!encoder) encoder = make_encoder(codec);
  encoder->encode(plain, level, out);
}

}  // namespace sluice::record
