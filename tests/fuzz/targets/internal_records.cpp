// Records of the internal topics and of state files: a byte that chooses the message, a byte for its version, the
// message without version prefix.

#include <vector>

#include "protocol/wire/random_source.hpp"
#include "protocol/wire/writer.hpp"
#include "tests/fuzz/allocation_limit.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/targets/message_check.hpp"

namespace sluice::fuzz {
namespace {

const std::vector<const protocol::MessageInfo*>& data_messages() {
  static const auto all = [] {
    std::vector<const protocol::MessageInfo*> found;
    for (const auto& message : protocol::messages()) {
      if (message.kind == protocol::MessageKind::data) found.push_back(&message);
    }
    return found;
  }();
  return all;
}

}  // namespace

Bytes make_input(RandomBytes& random) {
  const auto chosen = random.below(data_messages().size());
  const auto& message = *data_messages()[chosen];
  const auto version = static_cast<std::int16_t>(
      message.versions.min + static_cast<std::int16_t>(random.below(
                                 static_cast<std::uint64_t>(message.versions.max - message.versions.min + 1))));
  wire::Writer out;
  out.int8(static_cast<std::int8_t>(chosen));
  out.int8(static_cast<std::int8_t>(version));
  wire::RandomSource source{random.next()};
  message.write_random(source, version, out);
  return out.take();
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  const auto& all = fuzz::data_messages();
  const fuzz::AllocationLimit limit{fuzz::justified_by(size)};
  wire::Reader in{std::as_bytes(std::span{data, size})};
  const auto chosen = static_cast<std::uint8_t>(in.int8());
  const auto version = static_cast<std::int16_t>(in.int8());
  const auto& message = *all[chosen % all.size()];
  if (message.versions.contains(version)) fuzz::check_message(message, version, in);
  return 0;
}
