#include "tests/fuzz/targets/message_check.hpp"

#include <algorithm>

#include "protocol/wire/writer.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace sluice::fuzz {
namespace {

// Text costs more than everything else together, and equal bytes mostly mean equal messages.
constexpr std::size_t kTextOneIn = 16;

bool same_bytes(ByteView left, ByteView right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end());
}

}  // namespace

bool check_message(const protocol::MessageInfo& message, std::int16_t version, wire::Reader& in) {
  static wire::Writer first;  // their memory is kept from one input to the next
  static wire::Writer second;
  first.clear();
  second.clear();
  const auto begin = in;
  std::size_t size = 0;
  if (!message.reencode(in, version, first, size)) {
    FUZZ_EXPECT(first.size() == 0);
    return false;
  }
  FUZZ_EXPECT(in.ok());
  FUZZ_EXPECT(size == first.size());

  wire::Reader again{first.bytes()};
  FUZZ_EXPECT(message.reencode(again, version, second, size));
  FUZZ_EXPECT(again.remaining() == 0);
  FUZZ_EXPECT(same_bytes(first.bytes(), second.bytes()));
  if (size % kTextOneIn == 0) {
    auto original = begin;
    wire::Reader rewritten{first.bytes()};
    FUZZ_EXPECT(message.to_json(original, version) == message.to_json(rewritten, version));
  }
  return true;
}

}  // namespace sluice::fuzz
