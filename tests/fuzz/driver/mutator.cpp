#include "tests/fuzz/driver/mutator.hpp"

#include <algorithm>

namespace sluice::fuzz {
namespace {

struct Range {
  std::size_t at;
  std::size_t size;
};

// Mostly short: most fields are.
Range some_range(std::size_t size, RandomBytes& random) {
  const auto at = random.below(size);
  const auto longest = random.one_in(4) ? size - at : std::min<std::size_t>(size - at, 16);
  return {at, 1 + random.below(longest)};
}

void flip_bit(Bytes& input, RandomBytes& random) {
  input[random.below(input.size())] ^= std::byte{1} << random.below(8);
}

void set_byte(Bytes& input, RandomBytes& random) {
  static constexpr std::byte kTelling[]{std::byte{0}, std::byte{1}, std::byte{0x7f}, std::byte{0x80}, std::byte{0xff}};
  input[random.below(input.size())] =
      random.one_in(2) ? kTelling[random.below(std::size(kTelling))] : static_cast<std::byte>(random.next());
}

// Lengths and counts are among these, big endian.
void set_integer(Bytes& input, RandomBytes& random) {
  const std::size_t width = std::size_t{1} << random.below(4);
  if (input.size() < width) return;
  const auto at = random.below(input.size() - width + 1);
  auto value = random.extreme();
  if (random.one_in(4)) value = ~value;
  if (random.one_in(4)) value = input.size() - at + random.below(9) - 4;  // close to what is left
  for (std::size_t i = width; i > 0; --i, value >>= 8) input[at + i - 1] = static_cast<std::byte>(value);
}

void set_varint(Bytes& input, RandomBytes& random) {
  const auto at = random.below(input.size());
  auto value = random.extreme();
  const auto longest = std::min<std::size_t>(input.size() - at, 1 + random.below(11));
  for (std::size_t i = 0; i < longest; ++i, value >>= 7) {
    const bool last = i + 1 == longest && !random.one_in(4);
    input[at + i] = static_cast<std::byte>((value & 0x7f) | (last ? 0U : 0x80U));
  }
}

void cut(Bytes& input, RandomBytes& random) { input.resize(random.below(input.size() + 1)); }

void extend(Bytes& input, RandomBytes& random) {
  random.append_to(input, 1 + random.below(random.one_in(8) ? 600 : 12));
}

void remove_piece(Bytes& input, RandomBytes& random) {
  const auto piece = some_range(input.size(), random);
  const auto begin = input.begin() + static_cast<std::ptrdiff_t>(piece.at);
  input.erase(begin, begin + static_cast<std::ptrdiff_t>(piece.size));
}

void insert_piece(Bytes& input, ByteView from, RandomBytes& random) {
  if (from.empty()) return;
  const auto piece = some_range(from.size(), random);
  const Bytes copy(from.begin() + static_cast<std::ptrdiff_t>(piece.at),
                   from.begin() + static_cast<std::ptrdiff_t>(piece.at + piece.size));
  const auto at = input.begin() + static_cast<std::ptrdiff_t>(random.below(input.size() + 1));
  input.insert(at, copy.begin(), copy.end());
}

void splice(Bytes& input, ByteView other, RandomBytes& random) {
  if (other.empty()) return;
  input.resize(random.below(input.size() + 1));
  const auto from = other.begin() + static_cast<std::ptrdiff_t>(random.below(other.size()));
  input.insert(input.end(), from, other.end());
}

void mutate_once(Bytes& input, ByteView other, RandomBytes& random) {
  if (input.empty()) return extend(input, random);
  switch (random.below(12)) {
    case 0:
    case 1: return flip_bit(input, random);
    case 2:
    case 3: return set_byte(input, random);
    case 4:
    case 5: return set_integer(input, random);
    case 6: return set_varint(input, random);
    case 7: return cut(input, random);
    case 8: return extend(input, random);
    case 9: return remove_piece(input, random);
    case 10: return insert_piece(input, random.one_in(2) ? ByteView{input} : other, random);
    default: return splice(input, other, random);
  }
}

}  // namespace

void mutate(Bytes& input, ByteView other, RandomBytes& random) {
  for (auto times = random.one_in(4) ? 1 + random.below(12) : 1 + random.below(2); times > 0; --times) {
    mutate_once(input, other, random);
    if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
  }
}

}  // namespace sluice::fuzz
