#include <catch2/catch.hpp>
#include <random>
#include <snappy.h>
#include <string>
#include <vector>
#include <zlib.h>

#include "protocol/record/compression/compressor.hpp"
#include "protocol/record/compression/decompressor.hpp"
#include "protocol/record/errc.hpp"

namespace {

using namespace sluice;
using namespace sluice::record;

using Bytes = std::vector<std::byte>;
constexpr std::size_t kPlenty = 1 << 26;

Bytes compressed(Compression codec, ByteView plain) {
  Compressor compressor;
  Bytes out;
  compressor.compress(codec, default_level(codec), plain, out);
  return out;
}

Result<std::string> decompressed(Compression codec, ByteView packed, std::size_t bytes_max = kPlenty,
                                 std::size_t piece = 1000) {
  static Decompressor decompressor;
  const auto started = decompressor.start(codec, packed, bytes_max);
  if (!started) return started.error();
  std::string all;
  Bytes buffer(piece);
  for (;;) {
    const auto size = decompressor.read(buffer);
    if (!size) return size.error();
    if (*size == 0) return all;
    all += as_text(ByteView{buffer}.first(*size));
  }
}

/// Half compressible, longer than the blocks of every codec.
std::string mixed_text(std::size_t bytes) {
  std::mt19937 random{7};
  std::string text;
  while (text.size() < bytes) {
    const auto chunk = 1 + random() % 200;
    if (random() % 2 == 0) {
      text.append(chunk, static_cast<char>('a' + random() % 4));
    } else {
      for (unsigned i = 0; i < chunk; ++i) text += static_cast<char>(random());
    }
  }
  text.resize(bytes);
  return text;
}

Bytes snappy_raw_block(std::string_view plain) {
  std::string packed;
  snappy::Compress(plain.data(), plain.size(), &packed);
  const auto view = as_byte_view(packed);
  return {view.begin(), view.end()};
}

auto any_codec() {
  return GENERATE(Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd);
}
auto any_real_codec() { return GENERATE(Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd); }

}  // namespace

TEST_CASE("what a codec packs it unpacks, in pieces of any size", "[compression]") {
  const auto codec = any_codec();
  CAPTURE(static_cast<int>(codec));
  for (const std::size_t size : {0U, 1U, 1000U, 32768U, 32769U, 300'000U}) {
    const auto text = mixed_text(size);
    const auto packed = compressed(codec, as_byte_view(text));
    for (const std::size_t piece : {7U, 4096U, 1U << 20}) CHECK(*decompressed(codec, packed, kPlenty, piece) == text);
  }
}

TEST_CASE("a compressor and a decompressor are reused for many streams", "[compression]") {
  Compressor compressor;
  for (int i = 0; i < 3; ++i) {
    for (const auto codec : {Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
      const auto text = mixed_text(1000U + static_cast<unsigned>(i) * 70'000U);
      Bytes packed;
      compressor.compress(codec, i, as_byte_view(text), packed);
      CHECK(*decompressed(codec, packed) == text);
    }
  }
}

TEST_CASE("a level outside the codec's range is taken to its nearest end", "[compression]") {
  const auto codec = any_real_codec();
  const int level = GENERATE(-1000, -1, 0, 1, 9, 12, 17, 22, 1000);
  const auto text = mixed_text(5000);
  Compressor compressor;
  Bytes packed;
  compressor.compress(codec, level, as_byte_view(text), packed);
  CHECK(*decompressed(codec, packed) == text);
}

TEST_CASE("a stream may unpack to exactly the bound and not to a byte more", "[compression]") {
  const auto codec = any_codec();
  CAPTURE(static_cast<int>(codec));
  const auto text = mixed_text(100'000);
  const auto packed = compressed(codec, as_byte_view(text));
  CHECK(decompressed(codec, packed, text.size()).has_value());
  CHECK(decompressed(codec, packed, text.size() - 1).error() == Errc::decompressed_too_large);
}

TEST_CASE("a decompression bomb is stopped at the bound", "[compression]") {
  const auto codec = any_real_codec();
  CAPTURE(static_cast<int>(codec));
  const std::string zeros(32 << 20, '\0');
  const auto packed = compressed(codec, as_byte_view(zeros));
  CHECK(packed.size() < zeros.size() / 20);
  CHECK(decompressed(codec, packed, 1 << 20).error() == Errc::decompressed_too_large);
}

TEST_CASE("a stream cut anywhere is corrupt", "[compression]") {
  const auto codec = any_real_codec();
  CAPTURE(static_cast<int>(codec));
  const auto packed = compressed(codec, as_byte_view(mixed_text(3000)));
  for (std::size_t size = 0; size < packed.size(); ++size) {
    if (codec == Compression::snappy && size == 16) continue;  // a frame without blocks is whole, and empty
    CAPTURE(size);
    CHECK(decompressed(codec, ByteView{packed}.first(size)).error() == Errc::corrupt_compressed);
  }
}

TEST_CASE("garbage after a stream is corrupt", "[compression]") {
  const auto codec = any_real_codec();
  CAPTURE(static_cast<int>(codec));
  auto packed = compressed(codec, as_byte_view(mixed_text(3000)));
  packed.push_back(std::byte{0x55});
  CHECK(decompressed(codec, packed).error() == Errc::corrupt_compressed);
}

TEST_CASE("gzip members and zstd frames may follow one another", "[compression]") {
  const auto codec = GENERATE(Compression::gzip, Compression::zstd);
  auto packed = compressed(codec, as_byte_view("first "));
  const auto second = compressed(codec, as_byte_view("second"));
  packed.insert(packed.end(), second.begin(), second.end());
  CHECK(*decompressed(codec, packed) == "first second");
}

TEST_CASE("snappy is read as one raw block as well as in xerial framing", "[compression]") {
  const auto text = mixed_text(200'000);
  CHECK(*decompressed(Compression::snappy, snappy_raw_block(text)) == text);
  const auto framed = compressed(Compression::snappy, as_byte_view(text));
  CHECK(as_text(ByteView{framed}.subspan(1, 6)) == "SNAPPY");
  CHECK(*decompressed(Compression::snappy, framed) == text);
}

TEST_CASE("a raw snappy block that claims more than it can hold allocates nothing", "[compression]") {
  // Length 0xfffffff0 as a varint, then one literal byte.
  const Bytes lie{std::byte{0xf0}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                  std::byte{0x0f}, std::byte{0x00}, std::byte{'x'}};
  CHECK(decompressed(Compression::snappy, lie, std::size_t{1} << 40).error() == Errc::corrupt_compressed);
}

TEST_CASE("lz4 frames that Java can't read are refused", "[compression]") {
  auto packed = compressed(Compression::lz4, as_byte_view(mixed_text(3000)));
  CHECK((std::to_integer<int>(packed[4]) & 0x20) != 0);  // independent blocks
  CHECK((std::to_integer<int>(packed[4]) & 0x04) == 0);  // no content checksum
  CHECK((std::to_integer<int>(packed[5]) >> 4) == 4);    // blocks of 64 KiB
  packed[4] &= std::byte{0xdf};
  CHECK(decompressed(Compression::lz4, packed).error() == Errc::corrupt_compressed);
}

TEST_CASE("an unknown codec is named", "[compression]") {
  CHECK(decompressed(static_cast<Compression>(5), as_byte_view("x")).error() == Errc::unknown_codec);
}

TEST_CASE("damaged streams end in an error or in some bytes", "[compression]") {
  const auto codec = any_real_codec();
  const auto whole = compressed(codec, as_byte_view(mixed_text(2000)));
  std::mt19937 random{static_cast<unsigned>(codec)};
  for (int round = 0; round < 3000; ++round) {
    auto damaged = whole;
    for (unsigned i = 0; i <= random() % 3; ++i) damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    const auto text = decompressed(codec, damaged, 1 << 20);
    if (text) CHECK(text->size() <= 1 << 20);
  }
}
