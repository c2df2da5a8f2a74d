#include "broker/group/group_record.hpp"

#include <catch2/catch.hpp>

#include "broker/group/offsets.hpp"

namespace sluice::broker::group {
namespace {

std::string hex(const std::vector<std::byte>& bytes) {
  std::string text;
  for (const auto byte : bytes) {
    constexpr auto kDigits = "0123456789abcdef";
    text += kDigits[std::to_integer<int>(byte) >> 4];
    text += kDigits[std::to_integer<int>(byte) & 15];
  }
  return text;
}

}  // namespace

TEST_CASE("an offset is stored in key version 1 and value version 4", "[group]") {
  const auto encoded = encode(offset_record("g", "t", PartitionId{2},
                                            {.offset = Offset{5}, .metadata = "m", .commit_timestamp = Timestamp{7}}));
  CHECK(hex(encoded.key) ==
        "0001"
        "000167"
        "000174"
        "00000002");
  CHECK(hex(*encoded.value) ==
        "0004"
        "0000000000000005"
        "ffffffff"
        "026d"
        "0000000000000007"
        "00");
}

TEST_CASE("an offset with an expiry of its own is stored in value version 1", "[group]") {
  const auto encoded =
      encode(offset_record("g", "t", PartitionId{2},
                           {.offset = Offset{5}, .commit_timestamp = Timestamp{7}, .expire_timestamp = Timestamp{8}}));
  CHECK(hex(*encoded.value) ==
        "0001"
        "0000000000000005"
        "0000"
        "0000000000000007"
        "0000000000000008");
}

TEST_CASE("a group is stored in key version 2 and value version 3", "[group]") {
  GroupMetadataRecord record;
  record.key.group = "g";
  auto& value = record.value.emplace();
  value.protocol_type = "c";
  value.generation = 1;
  value.protocol.reset();
  value.leader.reset();
  value.current_state_timestamp = Timestamp{9};
  const auto encoded = encode(record);
  CHECK(hex(encoded.key) ==
        "0002"
        "000167");
  CHECK(hex(*encoded.value) ==
        "0003"
        "000163"
        "00000001"
        "ffff"
        "ffff"
        "0000000000000009"
        "00000000");
}

TEST_CASE("what is gone has no value", "[group]") {
  CHECK_FALSE(encode(offset_tombstone("g", "t", PartitionId{0})).value);
  CHECK_FALSE(encode(GroupMetadataRecord{{.group = "g"}, std::nullopt}).value);
}

TEST_CASE("an encoder keeps records apart", "[group]") {
  const std::vector<GroupRecord> records{offset_tombstone("g", "t", PartitionId{0}),
                                         offset_record("g", "t", PartitionId{1}, {.offset = Offset{9}}),
                                         GroupMetadataRecord{{.group = "g"}, std::nullopt}};
  RecordEncoder encoder;
  for (int round = 0; round < 2; ++round) {
    encoder.clear();
    for (const auto& record : records) encoder.add(record);
    std::vector<GroupRecord> decoded;
    encoder.for_each(
        [&](ByteView key, std::optional<ByteView> value) { decoded.push_back(*decode(key, value).record); });
    CHECK(decoded == records);
  }
}

TEST_CASE("records of other kinds are left alone, damaged ones are told apart", "[group]") {
  const auto bytes = [](std::initializer_list<int> values) {
    std::vector<std::byte> made;
    for (const int value : values) made.push_back(static_cast<std::byte>(value));
    return made;
  };
  CHECK(decode(bytes({0, 11, 0, 1, 'g'}), std::nullopt).problem == DecodeProblem::unknown_kind);
  CHECK(decode(bytes({0}), std::nullopt).problem == DecodeProblem::malformed);
  CHECK(decode(bytes({0, 2, 0, 9, 'g'}), std::nullopt).problem == DecodeProblem::malformed);
  CHECK(decode(bytes({0, 2, 0, 1, 'g'}), bytes({0, 99})).problem == DecodeProblem::unknown_kind);
  CHECK(decode(bytes({0, 2, 0, 1, 'g'}), bytes({0, 3, 0})).problem == DecodeProblem::malformed);
  CHECK(decode(bytes({0, 0, 0, 1, 'g', 0, 1, 't', 0, 0, 0, 1}), std::nullopt).record);
}

}  // namespace sluice::broker::group
