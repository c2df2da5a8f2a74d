#include <algorithm>
#include <zstd.h>

#include "protocol/base/assert.hpp"
#include "protocol/record/compression/codec.hpp"
#include "protocol/record/errc.hpp"

namespace sluice::record {
namespace {

/// What level 22, the highest, asks for, and the limit of Java's reader.
constexpr int kWindowLogMax = 27;
constexpr int kLevelMax = 22;

/// RFC 8878: one or more frames back to back.
class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {
    SLUICE_ASSERT(context_ != nullptr);
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kWindowLogMax);
  }
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }

  Result<void> start(ByteView compressed, std::size_t) override {
    ZSTD_DCtx_reset(context_, ZSTD_reset_session_only);
    input_ = {compressed.data(), compressed.size(), 0};
    at_frame_end_ = false;
    if (compressed.empty()) return make_error_code(Errc::corrupt_compressed);
    return {};
  }

  Result<std::size_t> read(MutableBytes into) override {
    ZSTD_outBuffer output{into.data(), into.size(), 0};
    while (output.pos == 0) {
      if (at_frame_end_ && input_.pos == input_.size) return std::size_t{0};
      const auto before = input_.pos;
      const auto outcome = ZSTD_decompressStream(context_, &output, &input_);
      at_frame_end_ = outcome == 0;
      const bool stuck = !at_frame_end_ && output.pos == 0 && input_.pos == before;  // cut short
      if (ZSTD_isError(outcome) || stuck) return make_error_code(Errc::corrupt_compressed);
    }
    return output.pos;
  }

 private:
  ZSTD_DCtx* context_;
  ZSTD_inBuffer input_{};
  bool at_frame_end_ = false;
};

class ZstdEncoder final : public Encoder {
 public:
  ZstdEncoder() : context_(ZSTD_createCCtx()) { SLUICE_ASSERT(context_ != nullptr); }
  ZstdEncoder(const ZstdEncoder&) = delete;
  ZstdEncoder& operator=(const ZstdEncoder&) = delete;
  ~ZstdEncoder() override { ZSTD_freeCCtx(context_); }

  void encode(ByteView plain, int level, std::vector<std::byte>& out) override {
    const auto at = out.size();
    out.resize(at + ZSTD_compressBound(plain.size()));
    level = std::clamp(level, ZSTD_minCLevel(), kLevelMax);
    const auto packed =
        ZSTD_compressCCtx(context_, out.data() + at, out.size() - at, plain.data(), plain.size(), level);
    SLUICE_ASSERT(!ZSTD_isError(packed), ZSTD_getErrorName(packed));
    out.resize(at + packed);
  }

 private:
  ZSTD_CCtx* context_;
};

}  // namespace

std::unique_ptr<Decoder> make_zstd_decoder() { return std::make_unique<ZstdDecoder>(); }
std::unique_ptr<Encoder> make_zstd_encoder() { return std::make_unique<ZstdEncoder>(); }

}  // namespace sluice::record
