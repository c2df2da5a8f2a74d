#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "protocol/messages/apis.hpp"
#include "protocol/messages/catalog.hpp"
#include "protocol/wire/random_source.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::protocol {

namespace {

constexpr int kInstances = 12;  // random ones of each message and version

/// Calls `check` with bytes of each message at each version: the default instance first, then random ones.
template <class Check>
void for_every_instance(int random_instances, Check check) {
  wire::RandomSource random{0x5eed};
  wire::Writer out;
  for (const auto& message : messages()) {
    for (auto version = message.versions.min; version <= message.versions.max; ++version) {
      for (int i = 0; i <= random_instances; ++i) {
        out.clear();
        if (i == 0) {
          message.write_default(version, out);
        } else {
          message.write_random(random, version, out);
        }
        check(message, version, out.bytes());
      }
    }
  }
}

}  // namespace

TEST_CASE("every message of every version comes back byte for byte", "[schema]") {
  std::size_t wrong = 0;
  wire::Writer again;
  for_every_instance(kInstances, [&](const MessageInfo& message, std::int16_t version, ByteView bytes) {
    wire::Reader in{bytes};
    again.clear();
    std::size_t size = 0;
    const bool decoded = message.reencode(in, version, again, size);
    const auto back = again.bytes();
    if (decoded && in.remaining() == 0 && size == bytes.size() &&
        std::equal(back.begin(), back.end(), bytes.begin(), bytes.end())) {
      return;
    }
    ++wrong;
    UNSCOPED_INFO(message.name << " v" << version << (decoded ? " differs" : " is rejected"));
  });
  CHECK(wrong == 0);
}

TEST_CASE("a message cut short at any byte is rejected", "[schema]") {
  constexpr std::size_t kLongest = 4096;  // the square of the size is the work
  std::size_t wrong = 0;
  for_every_instance(2, [&](const MessageInfo& message, std::int16_t version, ByteView bytes) {
    const std::size_t step = bytes.size() <= 256 ? 1 : bytes.size() / 64;
    for (std::size_t size = 0; size < std::min(bytes.size(), kLongest); size += step) {
      // In a buffer of its own, so that a sanitizer sees any read past its end.
      const std::vector<std::byte> cut{bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
      wire::Reader in{ByteView{cut}};
      wire::Writer out;
      std::size_t ignored = 0;
      if (message.reencode(in, version, out, ignored)) {
        ++wrong;
        UNSCOPED_INFO(message.name << " v" << version << " accepts " << size << " of " << bytes.size() << " bytes");
      }
    }
  });
  CHECK(wrong == 0);
}

TEST_CASE("changed bytes give a message or an error, never anything else", "[schema]") {
  wire::RandomSource random{0xbad};
  std::size_t accepted = 0;
  for_every_instance(3, [&](const MessageInfo& message, std::int16_t version, ByteView bytes) {
    if (bytes.empty()) return;
    for (int i = 0; i < 6; ++i) {
      std::vector<std::byte> changed{bytes.begin(), bytes.end()};
      for (auto left = 1 + random.below(3); left > 0; --left) {
        changed[random.below(changed.size())] = static_cast<std::byte>(random.next());
      }
      wire::Reader in{MutableBytes{changed}};
      wire::Writer out;
      std::size_t size = 0;
      if (!message.reencode(in, version, out, size)) continue;
      ++accepted;
      REQUIRE(size == out.size());
    }
  });
  CHECK(accepted > 0);
}

TEST_CASE("a version outside a message's range is rejected", "[schema]") {
  for (const auto& message : messages()) {
    const std::vector<std::byte> zeros(64);
    for (const int version : {message.versions.min - 1, message.versions.max + 1}) {
      wire::Reader in{ByteView{zeros}};
      wire::Writer out;
      std::size_t size = 0;
      CHECK_FALSE(message.reencode(in, static_cast<std::int16_t>(version), out, size));
    }
  }
}

TEST_CASE("every message prints as text and as JSON", "[schema]") {
  for_every_instance(1, [&](const MessageInfo& message, std::int16_t version, ByteView bytes) {
    wire::Reader for_text{bytes};
    wire::Reader for_json{bytes};
    const auto text = message.dump(for_text, version);
    const auto json = message.to_json(for_json, version);
    CHECK((text.starts_with('{') && text.ends_with('}')));
    CHECK((json.starts_with('{') && json.ends_with('}')));
  });
}

TEST_CASE("the table of APIs has all keys and agrees with the messages", "[schema]") {
  REQUIRE(apis().size() == static_cast<std::size_t>(kApiKeyMax) + 1);
  CHECK(find_api(-1) == nullptr);
  CHECK(find_api(kApiKeyMax + 1) == nullptr);
  for (const auto& api : apis()) {
    const auto key = static_cast<std::int16_t>(api.key);
    CAPTURE(api.name);
    const auto* request = find_message(key, MessageKind::request);
    const auto* response = find_message(key, MessageKind::response);
    if (api.request_versions.empty()) {
      CHECK((request == nullptr && response == nullptr));
      continue;
    }
    REQUIRE((request != nullptr && response != nullptr));
    CHECK(request->name == std::string{api.name} + "Request");
    CHECK(request->versions == api.request_versions);
    CHECK(response->versions == api.response_versions);
    CHECK(request->first_flexible == api.request_first_flexible);
    CHECK(response->first_flexible == api.response_first_flexible);
  }
}

}  // namespace sluice::protocol
