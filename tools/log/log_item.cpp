#include "tools/log/log_item.hpp"

#include <algorithm>
#include <array>

namespace sluice::tools {
namespace {

// Length of the UTF-8 sequence at the front that prints; 0 when there is none.
std::size_t printable_prefix(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  const std::size_t length = lead >= 0xc2 && lead < 0xe0   ? 2
                             : lead >= 0xe0 && lead < 0xf0 ? 3
                             : lead >= 0xf0 && lead < 0xf5 ? 4
                                                           : 0;
  if (length == 0 || text.size() < length) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool beyond = (lead == 0xed && second >= 0xa0) || (lead == 0xf4 && second >= 0x90);  // surrogates, > U+10FFFF
  const auto continues = [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; };
  const auto tail = text.substr(1, length - 1);
  return !overlong && !beyond && std::all_of(tail.begin(), tail.end(), continues) ? length : 0;
}

bool is_printable(std::string_view text) {
  while (!text.empty()) {
    const auto length = printable_prefix(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string base64(ByteView bytes) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<std::uint32_t>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63U] : '=';
  }
  return text;
}

}  // namespace

std::string_view codec_name(record::Compression codec) noexcept {
  static constexpr std::array<std::string_view, 5> kNames{"none", "gzip", "snappy", "lz4", "zstd"};
  const auto index = static_cast<std::size_t>(codec);
  return index < kNames.size() ? kNames[index] : "unknown";
}

Json json_of_bytes(const std::optional<ByteView>& bytes) {
  if (!bytes) return nullptr;
  if (is_printable(as_text(*bytes))) return std::string{as_text(*bytes)};
  return Json{{"base64", base64(*bytes)}};
}

Json json_of_batch(const record::BatchView& batch, std::uint64_t position) {
  return Json{{"base_offset", batch.base_offset().value()},
              {"last_offset", batch.last_offset().value()},
              {"records", batch.record_count()},
              {"position", position},
              {"size", batch.size()},
              {"leader_epoch", batch.partition_leader_epoch().value()},
              {"base_timestamp", batch.base_timestamp().value()},
              {"max_timestamp", batch.max_timestamp().value()},
              {"timestamp_type", batch.timestamp_type() == record::TimestampType::create_time ? "create" : "append"},
              {"producer_id", batch.producer_id().value()},
              {"producer_epoch", batch.producer_epoch().value()},
              {"base_sequence", batch.base_sequence()},
              {"compression", codec_name(batch.compression())},
              {"transactional", batch.is_transactional()},
              {"control", batch.is_control()},
              {"crc", batch.crc()},
              {"crc_holds", batch.crc_matches()}};
}

}  // namespace sluice::tools
