#include <algorithm>
#include <lz4frame.h>
#include <lz4hc.h>

#include "protocol/base/assert.hpp"
#include "protocol/record/compression/codec.hpp"
#include "protocol/record/errc.hpp"

namespace sluice::record {
namespace {

constexpr int kLevelMin = 1;  // Kafka's compression.lz4.level
constexpr int kLevelMax = 17;

constexpr std::size_t kFrameStartBytes = 5;  // magic number (little endian) and flags
constexpr std::uint32_t kFrameMagicBigEndian = 0x04224d18;
constexpr std::uint8_t kFlagsMask = 0xe1;    // version, block independence, dictionary id
constexpr std::uint8_t kFlagsWanted = 0x60;  // version 1, independent blocks, no dictionary

/// Java's reader knows only frames of independent blocks without a dictionary; what consumers can't read is refused.
bool is_readable_frame(ByteView frame) noexcept {
  return frame.size() > kFrameStartBytes && load_be<std::uint32_t>(frame.data()) == kFrameMagicBigEndian &&
         (std::to_integer<std::uint8_t>(frame[4]) & kFlagsMask) == kFlagsWanted;
}

/// One frame of the LZ4 frame format and nothing after it.
class Lz4Decoder final : public Decoder {
 public:
  Lz4Decoder() { SLUICE_ASSERT(!LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION))); }
  Lz4Decoder(const Lz4Decoder&) = delete;
  Lz4Decoder& operator=(const Lz4Decoder&) = delete;
  ~Lz4Decoder() override { LZ4F_freeDecompressionContext(context_); }

  Result<void> start(ByteView compressed, std::size_t) override {
    LZ4F_resetDecompressionContext(context_);
    rest_ = compressed;
    at_end_ = false;
    if (!is_readable_frame(compressed)) return make_error_code(Errc::corrupt_compressed);
    return {};
  }

  Result<std::size_t> read(MutableBytes into) override {
    while (!at_end_) {
      std::size_t produced = into.size();
      std::size_t consumed = rest_.size();
      const auto outcome = LZ4F_decompress(context_, into.data(), &produced, rest_.data(), &consumed, nullptr);
      rest_ = rest_.subspan(consumed);
      at_end_ = outcome == 0;
      const bool stuck = !at_end_ && produced == 0 && consumed == 0;  // cut short
      if (LZ4F_isError(outcome) || stuck) return make_error_code(Errc::corrupt_compressed);
      if (produced > 0) return produced;
    }
    if (!rest_.empty()) return make_error_code(Errc::corrupt_compressed);
    return std::size_t{0};
  }

 private:
  LZ4F_dctx* context_ = nullptr;
  ByteView rest_;
  bool at_end_ = false;
};

class Lz4Encoder final : public Encoder {
 public:
  Lz4Encoder() { SLUICE_ASSERT(!LZ4F_isError(LZ4F_createCompressionContext(&context_, LZ4F_VERSION))); }
  Lz4Encoder(const Lz4Encoder&) = delete;
  Lz4Encoder& operator=(const Lz4Encoder&) = delete;
  ~Lz4Encoder() override { LZ4F_freeCompressionContext(context_); }

  void encode(ByteView plain, int level, std::vector<std::byte>& out) override {
    LZ4F_preferences_t preferences{};
    preferences.frameInfo.blockSizeID = LZ4F_max64KB;
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    preferences.compressionLevel = std::clamp(level, kLevelMin, kLevelMax);

    const auto at = out.size();
    out.resize(at + LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound(plain.size(), &preferences));
    auto used = checked(LZ4F_compressBegin(context_, out.data() + at, out.size() - at, &preferences));
    const auto next = [&] { return out.data() + at + used; };
    const auto left = [&] { return out.size() - at - used; };
    used += checked(LZ4F_compressUpdate(context_, next(), left(), plain.data(), plain.size(), nullptr));
    used += checked(LZ4F_compressEnd(context_, next(), left(), nullptr));
    out.resize(at + used);
  }

 private:
  static std::size_t checked(std::size_t outcome) {
    SLUICE_ASSERT(!LZ4F_isError(outcome), LZ4F_getErrorName(outcome));
    return outcome;
  }

  LZ4F_cctx* context_ = nullptr;
};

}  // namespace

std::unique_ptr<Decoder> make_lz4_decoder() { return std::make_unique<Lz4Decoder>(); }
std::unique_ptr<Encoder> make_lz4_encoder() { return std::make_unique<Lz4Encoder>(); }

}  // namespace sluice::record
