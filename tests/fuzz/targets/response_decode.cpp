// What a client takes apart: i16 key and i16 version, which it knows, then a response's header and body.

#include "protocol/messages/apis.hpp"
#include "protocol/messages/response_header.hpp"
#include "protocol/wire/header.hpp"
#include "protocol/wire/random_source.hpp"
#include "protocol/wire/writer.hpp"
#include "tests/fuzz/allocation_limit.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/targets/message_check.hpp"

namespace sluice::fuzz {
namespace {

const protocol::ApiInfo& some_api(RandomBytes& random) {
  while (true) {
    const auto& api = protocol::apis()[random.below(protocol::apis().size())];
    if (!api.response_versions.empty()) return api;
  }
}

}  // namespace

Bytes make_input(RandomBytes& random) {
  const auto& api = some_api(random);
  const auto versions = api.response_versions;
  const auto version = static_cast<std::int16_t>(
      versions.min +
      static_cast<std::int16_t>(random.below(static_cast<std::uint64_t>(versions.max - versions.min + 1))));
  const auto key = static_cast<std::int16_t>(api.key);
  protocol::ResponseHeader header;
  header.correlation_id = static_cast<std::int32_t>(random.next());
  wire::Writer out;
  out.int16(key);
  out.int16(version);
  encode(header, *wire::response_header_version(key, version), out);
  if (!random.one_in(8)) {
    wire::RandomSource source{random.next()};
    protocol::find_message(key, protocol::MessageKind::response)->write_random(source, version, out);
    return out.take();
  }
  auto input = out.take();
  random.append_to(input, random.below(300));
  return input;
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  const fuzz::AllocationLimit limit{fuzz::justified_by(size)};
  wire::Reader in{std::as_bytes(std::span{data, size})};
  const auto key = in.int16();
  const auto version = in.int16();
  const auto* message = protocol::find_message(key, protocol::MessageKind::response);
  if (!message || !message->versions.contains(version)) return 0;
  protocol::ResponseHeader header;
  if (!decode(in, *wire::response_header_version(key, version), header)) return 0;
  fuzz::check_message(*message, version, in);
  return 0;
}
