#include "tests/fuzz/targets/random_batch.hpp"

#include <array>

namespace sluice::fuzz {
namespace {

constexpr Timestamp kSomeTime{1'700'000'000'000};

// Repetitive, so that codecs have something to do.
ByteView some_text(RandomBytes& random) {
  static constexpr std::string_view kText = "the quick brown fox the quick brown fox the lazy dog the lazy dog 0123";
  const auto at = random.below(kText.size());
  return as_byte_view(kText.substr(at, random.below(kText.size() - at + 1)));
}

void append_record(record::BatchBuilder& builder, RandomBytes& random) {
  record::RecordInput record{.timestamp = kSomeTime + static_cast<std::int64_t>(random.below(1000))};
  if (!random.one_in(4)) record.key = some_text(random);
  if (!random.one_in(8)) record.value = some_text(random);
  std::array<record::Header, 2> headers{};
  for (auto& header : headers) {
    header.key = some_text(random);
    if (!random.one_in(4)) header.value = some_text(random);
  }
  record.headers = std::span{headers}.first(random.one_in(4) ? 1 + random.below(2) : 0);
  builder.append(record);
}

}  // namespace

Offset append_batch(Bytes& to, record::BatchOptions options, RandomBytes& random) {
  static record::BatchBuilder builder;
  options.compression = static_cast<record::Compression>(random.one_in(2) ? 0 : random.below(5));
  if (random.one_in(4)) {
    options.producer_id = ProducerId{static_cast<std::int64_t>(random.below(4))};
    options.producer_epoch = ProducerEpoch{0};
    options.base_sequence = static_cast<std::int32_t>(random.below(8));
    options.transactional = random.one_in(2);
  }
  builder.reset(options);
  for (auto left = 1 + random.below(6); left > 0; --left) append_record(builder, random);
  const auto batch = builder.build();
  to.insert(to.end(), batch.begin(), batch.end());
  return builder.next_offset();
}

}  // namespace sluice::fuzz
