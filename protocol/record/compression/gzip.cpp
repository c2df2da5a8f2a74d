#include <algorithm>
#include <limits>
#include <zlib.h>

#include "protocol/base/assert.hpp"
#include "protocol/record/compression/codec.hpp"
#include "protocol/record/errc.hpp"

namespace sluice::record {
namespace {

constexpr int kWindowBits = 15;
constexpr int kGzipFraming = 16;  // added to the window bits: gzip header and trailer instead of zlib's
constexpr int kMemoryLevel = 8;
constexpr int kLevelMin = -1;  // the library's default
constexpr int kLevelMax = 9;

Bytef* in_zlib(std::byte* bytes) noexcept { return reinterpret_cast<Bytef*>(bytes); }
Bytef* in_zlib(const std::byte* bytes) noexcept {  // zlib reads next_in only, but takes it without const
  return reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes));
}

uInt room(std::size_t bytes) noexcept {
  return static_cast<uInt>(std::min<std::size_t>(bytes, std::numeric_limits<uInt>::max()));
}

/// RFC 1952: a stream is one or more members back to back.
class GzipDecoder final : public Decoder {
 public:
  GzipDecoder() { SLUICE_ASSERT(inflateInit2(&stream_, kWindowBits + kGzipFraming) == Z_OK); }
  GzipDecoder(const GzipDecoder&) = delete;
  GzipDecoder& operator=(const GzipDecoder&) = delete;
  ~GzipDecoder() override { inflateEnd(&stream_); }

  Result<void> start(ByteView compressed, std::size_t) override {
    inflateReset(&stream_);
    stream_.next_in = in_zlib(compressed.data());
    stream_.avail_in = room(compressed.size());
    at_member_end_ = false;
    if (compressed.empty()) return make_error_code(Errc::corrupt_compressed);
    return {};
  }

  Result<std::size_t> read(MutableBytes into) override {
    stream_.next_out = in_zlib(into.data());
    stream_.avail_out = room(into.size());
    const auto whole = stream_.avail_out;
    while (stream_.avail_out == whole) {
      if (at_member_end_) {
        if (stream_.avail_in == 0) return std::size_t{0};
        inflateReset(&stream_);
        at_member_end_ = false;
      }
      const int outcome = inflate(&stream_, Z_NO_FLUSH);
      if (outcome == Z_STREAM_END) {
        at_member_end_ = true;
      } else if (outcome != Z_OK) {  // Z_BUF_ERROR as well: the input ended within a member
        return make_error_code(Errc::corrupt_compressed);
      }
    }
    return std::size_t{whole - stream_.avail_out};
  }

 private:
  z_stream stream_{};
  bool at_member_end_ = false;
};

class GzipEncoder final : public Encoder {
 public:
  GzipEncoder() {
    SLUICE_ASSERT(deflateInit2(&stream_, level_, Z_DEFLATED, kWindowBits + kGzipFraming, kMemoryLevel,
                               Z_DEFAULT_STRATEGY) == Z_OK);
  }
  GzipEncoder(const GzipEncoder&) = delete;
  GzipEncoder& operator=(const GzipEncoder&) = delete;
  ~GzipEncoder() override { deflateEnd(&stream_); }

  void encode(ByteView plain, int level, std::vector<std::byte>& out) override {
    deflateReset(&stream_);
    level = std::clamp(level, kLevelMin, kLevelMax);
    if (level != level_) deflateParams(&stream_, level, Z_DEFAULT_STRATEGY);
    level_ = level;

    const auto at = out.size();
    out.resize(at + deflateBound(&stream_, plain.size()));
    stream_.next_in = in_zlib(plain.data());
    stream_.avail_in = room(plain.size());
    stream_.next_out = in_zlib(out.data() + at);
    stream_.avail_out = room(out.size() - at);
    const int outcome = deflate(&stream_, Z_FINISH);
    SLUICE_ASSERT(outcome == Z_STREAM_END, outcome, plain.size());
    out.resize(at + stream_.total_out);
  }

 private:
  z_stream stream_{};
  int level_ = kLevelMin;
};

}  // namespace

std::unique_ptr<Decoder> make_gzip_decoder() { return std::make_unique<GzipDecoder>(); }
std::unique_ptr<Encoder> make_gzip_encoder() { return std::make_unique<GzipEncoder>(); }

}  // namespace sluice::record
