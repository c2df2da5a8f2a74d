#include "storage/compaction/key_offset_map.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>

namespace sluice::storage {
namespace {

constexpr KeyHashSecret kSecret{0x0706050403020100, 0x0f0e0d0c0b0a0908};

KeyHash hash_of(std::uint64_t number) { return hash_key(as_byte_view(std::to_string(number)), kSecret); }

TEST_CASE("the key hash is SipHash: the published vectors of 2-4 with 128 bits", "[compaction]") {
  // Bytes 0, 1, 2, … under the key 0, 1, … 15; the output's bytes as little-endian words.
  std::array<std::byte, 64> input{};
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::byte>(i);
  CHECK(sip_hash<2, 4>({}, kSecret) == KeyHash{0xe6a825ba047f81a3, 0x930255c71472f66d});
  CHECK(sip_hash<2, 4>(ByteView{input}.first(1), kSecret) == KeyHash{0x44af996bd8c187da, 0x45fc229b11597634});
}

TEST_CASE("keys of any length hash differently, and under another secret differently again", "[compaction]") {
  std::map<std::pair<std::uint64_t, std::uint64_t>, int> seen;
  std::string key;
  for (int length = 0; length < 200; ++length) {
    for (const auto& secret : {kSecret, KeyHashSecret{1, 2}}) {
      const auto hash = hash_key(as_byte_view(key), secret);
      ++seen[{hash.high, hash.low}];
    }
    key.push_back('\0');
  }
  CHECK(seen.size() == 400);
}

TEST_CASE("the map remembers the last offset of each key, whatever it grows through", "[compaction]") {
  const auto bytes_max = GENERATE(as<std::size_t>{}, 1, 4096, 1U << 20);
  KeyOffsetMap map{{.bytes_max = bytes_max, .load_factor = 0.9, .first_offset = Offset{1000}, .keys_max = 1'000'000}};
  std::map<std::uint64_t, Offset> model;
  std::mt19937_64 random{7};
  Offset offset{1000};
  while (true) {
    const auto key = random() % 100'000;
    const bool put = map.put(hash_of(key), offset);
    if (!put) {
      CHECK_FALSE(model.contains(key));
      break;
    }
    model[key] = offset;
    offset = offset + 1;
    if (offset >= Offset{120'000}) break;
  }
  CHECK(map.size() == model.size());
  CHECK(map.size() <= map.capacity());
  for (const auto& [key, last] : model) CHECK(map.find(hash_of(key)) == last);
  CHECK(map.find(hash_of(1'000'000)) == kNoOffset);
  // Full or not, what it knows can move on.
  const auto known = model.begin()->first;
  CHECK(map.put(hash_of(known), offset));
  CHECK(map.find(hash_of(known)) == offset);
}

TEST_CASE("a full map holds at least four fifths of what its bytes allow", "[compaction]") {
  KeyOffsetMap map{{.bytes_max = 1U << 20, .load_factor = 0.9, .first_offset = Offset{0}, .keys_max = 1'000'000}};
  std::uint64_t keys = 0;
  while (map.put(hash_of(keys), Offset{static_cast<std::int64_t>(keys)})) ++keys;
  CHECK(keys == map.capacity());
  CHECK(keys >= (1U << 20) / 20 * 0.9 * 0.79);
}

TEST_CASE("few keys to come make a small map, offsets beyond 32 bits a full one", "[compaction]") {
  KeyOffsetMap small{{.bytes_max = 1U << 30, .load_factor = 0.5, .first_offset = Offset{0}, .keys_max = 10}};
  for (std::uint64_t i = 0; i < 10; ++i) CHECK(small.put(hash_of(i), Offset{static_cast<std::int64_t>(i)}));
  CHECK(small.capacity() < 100);
  CHECK_FALSE(small.put(hash_of(0), Offset{std::int64_t{1} << 32}));
  CHECK(small.find(hash_of(0)) == Offset{0});
}

}  // namespace
}  // namespace sluice::storage
