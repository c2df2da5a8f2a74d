#include "protocol/wire/random_source.hpp"

#include <array>

namespace sluice::wire {

namespace {

constexpr std::uint32_t kFreeTag = 1000;  // far above the tags of Kafka's schemas

}  // namespace

std::uint64_t RandomSource::next() noexcept {
  // SplitMix64 (Steele, Lea, Flood 2014).
  state_ += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

void RandomSource::fill(UnknownTaggedFields& fields) {
  if (!one_in(4)) return;
  std::uint32_t tag = kFreeTag;
  for (auto left = 1 + below(2); left > 0; --left) {
    tag += static_cast<std::uint32_t>(1 + below(20'000));
    fields.push_back({tag, bytes()});
  }
}

void RandomSource::make(Uuid& value, std::int16_t) {
  std::array<std::uint8_t, 16> all{};
  for (auto& byte : all) byte = static_cast<std::uint8_t>(next());
  value = Uuid{all};
}

void RandomSource::make(std::string& value, std::int16_t) {
  static constexpr std::array kPieces{
      "a", "Z", "-", ".", "\"", "\\", "\n", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\x8a"};
  value.clear();
  const auto pieces = one_in(16) ? 100 + below(60) : below(8);
  for (std::uint64_t i = 0; i < pieces; ++i) value += kPieces[below(kPieces.size())];
}

void RandomSource::make(Records& value, std::int16_t) { value = Records::view(records_.emplace_back(bytes())); }

std::int64_t RandomSource::integer() noexcept {
  const auto magnitude = static_cast<std::int64_t>(next() >> below(64));
  return one_in(4) ? ~magnitude : magnitude;
}

std::size_t RandomSource::count() noexcept { return one_in(64) ? 126 + below(4) : below(4); }

std::vector<std::byte> RandomSource::bytes() {
  std::vector<std::byte> bytes(one_in(16) ? 126 + below(4) : below(12));
  for (auto& byte : bytes) byte = static_cast<std::byte>(next());
  return bytes;
}

}  // namespace sluice::wire
