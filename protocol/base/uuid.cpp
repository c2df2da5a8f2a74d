#include "protocol/base/uuid.hpp"

#include <cstring>
#include <random>

namespace sluice {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kTextLength = 22;

}  // namespace

Uuid Uuid::random() {
  static thread_local std::random_device source;  // asks the processor what it can do when it is made: that is slow
  std::array<std::uint8_t, 16> bytes;
  do {
    for (std::size_t i = 0; i < bytes.size(); i += 4) {
      const std::uint32_t word = source();
      std::memcpy(&bytes[i], &word, sizeof word);
    }
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);  // RFC 9562, version 4
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  } while (Uuid{bytes}.to_string().front() == '-');
  return Uuid{bytes};
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  std::uint32_t bits = 0;
  int pending = 0;
  std::size_t at = 0;
  for (const char c : text) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    pending += 6;
    if (pending >= 8) {
      pending -= 8;
      bytes[at++] = static_cast<std::uint8_t>(bits >> pending);
    }
  }
  if ((bits & 0x0f) != 0) return std::nullopt;  // 22 digits carry 132 bits; the last four must be zero
  return Uuid{bytes};
}

std::string Uuid::to_string() const {
  std::string text;
  text.reserve(kTextLength);
  std::uint32_t bits = 0;
  int pending = 0;
  for (const std::uint8_t byte : bytes_) {
    bits = (bits << 8) | byte;
    pending += 8;
    while (pending >= 6) {
      pending -= 6;
      text.push_back(kAlphabet[(bits >> pending) & 0x3f]);
    }
  }
  text.push_back(kAlphabet[(bits << (6 - pending)) & 0x3f]);
  return text;
}

}  // namespace sluice

std::size_t std::hash<sluice::Uuid>::operator()(const sluice::Uuid& uuid) const noexcept {
  std::uint64_t high;
  std::uint64_t low;
  std::memcpy(&high, uuid.bytes().data(), sizeof high);
  std::memcpy(&low, uuid.bytes().data() + sizeof high, sizeof low);
  return high ^ (low * 0x9e3779b97f4a7c15ULL);
}
