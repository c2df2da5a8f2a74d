// A request's frame without its size: header and body, as a broker takes them apart. Any key, any version.

#include "protocol/messages/apis.hpp"
#include "protocol/messages/request_header.hpp"
#include "protocol/wire/header.hpp"
#include "protocol/wire/random_source.hpp"
#include "protocol/wire/writer.hpp"
#include "tests/fuzz/allocation_limit.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/targets/message_check.hpp"

namespace sluice::fuzz {
namespace {

protocol::RequestHeader some_header(std::int16_t key, std::int16_t version, RandomBytes& random) {
  protocol::RequestHeader header;
  header.request_api_key = key;
  header.request_api_version = version;
  header.correlation_id = static_cast<std::int32_t>(random.next());
  if (random.one_in(2)) header.client_id = "fuzz";
  return header;
}

const protocol::ApiInfo& some_api(RandomBytes& random) {
  while (true) {
    const auto& api = protocol::apis()[random.below(protocol::apis().size())];
    if (!api.request_versions.empty()) return api;
  }
}

}  // namespace

Bytes make_input(RandomBytes& random) {
  const auto& api = some_api(random);
  const auto versions = api.request_versions;
  const auto version = static_cast<std::int16_t>(
      versions.min +
      static_cast<std::int16_t>(random.below(static_cast<std::uint64_t>(versions.max - versions.min + 1))));
  const auto key = static_cast<std::int16_t>(api.key);
  wire::Writer out;
  encode(some_header(key, version, random), *wire::request_header_version(key, version), out);
  if (!random.one_in(8)) {
    wire::RandomSource source{random.next()};
    protocol::find_message(key, protocol::MessageKind::request)->write_random(source, version, out);
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
  const auto header = wire::parse_request_header(in);
  if (!header) return 0;
  const auto* message = protocol::find_message(header->request_api_key, protocol::MessageKind::request);
  if (!message || !message->versions.contains(header->request_api_version)) return 0;
  fuzz::check_message(*message, header->request_api_version, in);
  return 0;
}
