#include "protocol/record/compression/decompressor.hpp"

#include <algorithm>
#include <cstring>

#include "protocol/record/errc.hpp"

namespace sluice::record {
namespace {

std::unique_ptr<Decoder> make_decoder(Compression codec) {
  switch (codec) {
    case Compression::gzip: return make_gzip_decoder();
    case Compression::snappy: return make_snappy_decoder();
    case Compression::lz4: return make_lz4_decoder();
    case Compression::zstd: return make_zstd_decoder();
    case Compression::none: break;
  }
  return nullptr;
}

}  // namespace

Result<void> Decompressor::start(Compression codec, ByteView compressed, std::size_t output_bytes_max) {
  const auto index = static_cast<std::size_t>(codec);
  if (index >= decoders_.size()) return make_error_code(Errc::unknown_codec);
  output_bytes_left_ = output_bytes_max;
  plain_ = compressed;
  active_ = nullptr;
  if (codec == Compression::none) return {};
  auto& decoder = decoders_[index];
  if (!decoder) decoder = make_decoder(codec);
  active_ = decoder.get();
  return active_->start(compressed, output_bytes_max);
}

Result<std::size_t> Decompressor::read(MutableBytes into) {
  std::size_t size = std::min(into.size(), plain_.size());
  if (active_ != nullptr) {
    const auto unpacked = active_->read(into);
    if (!unpacked) return unpacked.error();
    size = *unpacked;
  } else if (size > 0) {
    std::memcpy(into.data(), plain_.data(), size);
    plain_ = plain_.subspan(size);
  }
  if (size > output_bytes_left_) return make_error_code(Errc::decompressed_too_large);
  output_bytes_left_ -= size;
  return size;
}

}  // namespace sluice::record
