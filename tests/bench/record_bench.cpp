// How fast produced batches are validated: nanoseconds a record and GB/s of stored bytes, the CRC included.
#include <cstdio>
#include <ctime>
#include <string>

#include "protocol/record/batch_builder.hpp"
#include "protocol/record/batch_validator.hpp"

namespace {

using namespace sluice;
constexpr Timestamp kNow{1'700'000'000'000};
constexpr std::size_t kBatchBytes = 512 * 1024;

/// Of this process, so that others on the machine disturb less.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

std::vector<std::byte> make_batch(std::size_t value_bytes, record::Compression codec) {
  record::BatchBuilder builder{{.compression = codec}};
  std::string value(value_bytes, 'x');
  for (std::int64_t i = 0; builder.uncompressed_bytes() < kBatchBytes; ++i) {
    for (std::size_t at = 0; at < value.size(); at += 8) value[at] = static_cast<char>('a' + (i * 31 + at) % 26);
    const auto key = "key-" + std::to_string(100'000 + i);
    builder.append({.timestamp = kNow + i / 64, .key = as_byte_view(key), .value = as_byte_view(value)});
  }
  const auto batch = builder.build();
  return {batch.begin(), batch.end()};
}

void measure(const char* name, std::size_t value_bytes, record::Compression codec) {
  auto bytes = make_batch(value_bytes, codec);
  const auto records = record::BatchView::parse(bytes)->record_count();
  record::BatchValidator validator;
  const record::ValidationRules rules;

  std::int64_t batches = 0;
  const auto begin = cpu_seconds();
  double elapsed = 0;
  while (elapsed < 0.3) {
    for (int i = 0; i < 16; ++i) batches += validator.validate(bytes, rules, kNow).has_value();
    elapsed = cpu_seconds() - begin;
  }
  const auto seconds = elapsed / static_cast<double>(batches);
  std::printf("%-7s %5zu-byte values: %7.2f ns/record  %6.2f GB/s stored  (%d records, %zu bytes)\n", name, value_bytes,
              seconds * 1e9 / records, static_cast<double>(bytes.size()) / seconds / 1e9, records, bytes.size());
}

}  // namespace

int main() {
  for (const std::size_t value_bytes : {20U, 80U, 1000U}) {
    measure("none", value_bytes, record::Compression::none);
    measure("gzip", value_bytes, record::Compression::gzip);
    measure("snappy", value_bytes, record::Compression::snappy);
    measure("lz4", value_bytes, record::Compression::lz4);
    measure("zstd", value_bytes, record::Compression::zstd);
  }
}
