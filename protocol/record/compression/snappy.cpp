#include <algorithm>
#include <array>
#include <cstring>
#include <snappy.h>
#include <utility>

#include "protocol/record/compression/codec.hpp"
#include "protocol/record/errc.hpp"

namespace sluice::record {
namespace {

/// The framing of the xerial library, which Java clients write and others detect: this header, then repeated
/// { i32 size, raw block }. Clients in other languages write a single raw block instead.
constexpr std::array<unsigned char, 8> kXerialMagic{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr std::size_t kXerialHeaderBytes = kXerialMagic.size() + 8;  // magic, version, oldest compatible version
constexpr std::int32_t kXerialVersion = 1;
constexpr std::size_t kXerialBlockBytes = 32 * 1024;
constexpr std::size_t kBlockSizeBytes = 4;

/// No snappy element unpacks to more: a copy of 64 bytes takes 3. Keeps a lying length from allocating much.
constexpr std::size_t kExpansionMax = 22;

const char* as_chars(const std::byte* bytes) noexcept { return reinterpret_cast<const char*>(bytes); }
char* as_chars(std::byte* bytes) noexcept { return reinterpret_cast<char*>(bytes); }

bool is_xerial(ByteView compressed) noexcept {
  return compressed.size() >= kXerialHeaderBytes &&
         std::memcmp(compressed.data(), kXerialMagic.data(), kXerialMagic.size()) == 0;
}

/// Snappy unpacks whole blocks only: a block is unpacked into `block_` and handed out from there.
class SnappyDecoder final : public Decoder {
 public:
  Result<void> start(ByteView compressed, std::size_t output_bytes_max) override {
    framed_ = is_xerial(compressed);
    rest_ = framed_ ? compressed.subspan(kXerialHeaderBytes) : compressed;
    output_bytes_max_ = output_bytes_max;
    ready_ = {};
    if (compressed.empty()) return make_error_code(Errc::corrupt_compressed);
    return {};
  }

  Result<std::size_t> read(MutableBytes into) override {
    while (ready_.empty()) {
      if (rest_.empty()) return std::size_t{0};
      const auto unpacked = unpack_block(take_block());
      if (!unpacked) return unpacked.error();
    }
    const auto taken = std::min(into.size(), ready_.size());
    std::memcpy(into.data(), ready_.data(), taken);
    ready_ = ready_.subspan(taken);
    return taken;
  }

 private:
  /// Empty when the frame is cut short.
  ByteView take_block() noexcept {
    if (!framed_) return std::exchange(rest_, ByteView{});
    if (rest_.size() < kBlockSizeBytes) return {};
    const auto size = load_be<std::uint32_t>(rest_.data());
    const auto after = rest_.subspan(kBlockSizeBytes);
    if (size > after.size()) return {};
    rest_ = after.subspan(size);
    return after.first(size);
  }

  Result<void> unpack_block(ByteView block) {
    std::size_t size = 0;
    if (block.empty() || !snappy::GetUncompressedLength(as_chars(block.data()), block.size(), &size) ||
        size / kExpansionMax > block.size()) {
      return make_error_code(Errc::corrupt_compressed);
    }
    if (size > output_bytes_max_) return make_error_code(Errc::decompressed_too_large);
    if (block_.size() < size) block_.resize(size);
    if (!snappy::RawUncompress(as_chars(block.data()), block.size(), as_chars(block_.data()))) {
      return make_error_code(Errc::corrupt_compressed);
    }
    ready_ = ByteView{block_}.first(size);
    return {};
  }

  std::vector<std::byte> block_;
  ByteView ready_;  // unpacked, not yet read; within block_
  ByteView rest_;   // still packed
  std::size_t output_bytes_max_ = 0;
  bool framed_ = false;
};

class SnappyEncoder final : public Encoder {
 public:
  void encode(ByteView plain, int, std::vector<std::byte>& out) override {
    append_header(out);
    while (!plain.empty()) {
      const auto block = plain.first(std::min(plain.size(), kXerialBlockBytes));
      append_block(block, out);
      plain = plain.subspan(block.size());
    }
  }

 private:
  static void append_header(std::vector<std::byte>& out) {
    const auto at = out.size();
    out.resize(at + kXerialHeaderBytes);
    std::memcpy(out.data() + at, kXerialMagic.data(), kXerialMagic.size());
    store_be(out.data() + at + kXerialMagic.size(), kXerialVersion);
    store_be(out.data() + at + kXerialMagic.size() + 4, kXerialVersion);
  }

  static void append_block(ByteView block, std::vector<std::byte>& out) {
    const auto at = out.size();
    out.resize(at + kBlockSizeBytes + snappy::MaxCompressedLength(block.size()));
    std::size_t packed = 0;
    snappy::RawCompress(as_chars(block.data()), block.size(), as_chars(out.data() + at + kBlockSizeBytes), &packed);
    store_be(out.data() + at, static_cast<std::uint32_t>(packed));
    out.resize(at + kBlockSizeBytes + packed);
  }
};

}  // namespace

std::unique_ptr<Decoder> make_snappy_decoder() { return std::make_unique<SnappyDecoder>(); }
std::unique_ptr<Encoder> make_snappy_encoder() { return std::make_unique<SnappyEncoder>(); }

}  // namespace sluice::record
