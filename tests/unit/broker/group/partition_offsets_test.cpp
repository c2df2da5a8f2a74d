#include "broker/group/partition_offsets.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "broker/group/offset_record_view.hpp"
#include "broker/group/offsets.hpp"

namespace sluice::test {
namespace {

using namespace broker::group;

const Uuid kTopic{{1}};
const Uuid kOtherTopic{{2}};

CommittedOffset random_offset(std::mt19937& random) {
  CommittedOffset offset{.offset = Offset{static_cast<std::int64_t>(random())},
                         .leader_epoch = LeaderEpoch{static_cast<std::int32_t>(random() % 4) - 1},
                         .commit_timestamp = Timestamp{static_cast<std::int64_t>(random()) - 1},
                         .topic_id = kTopic};
  if (random() % 4 == 0) offset.metadata = "text";
  if (random() % 4 == 0) offset.expire_timestamp = Timestamp{5};
  if (random() % 4 == 0) offset.topic_id = random() % 2 == 0 ? kOtherTopic : Uuid{};
  return offset;
}

}  // namespace

TEST_CASE("partition offsets are found as they were set, in the order of partitions", "[group]") {
  std::mt19937 random{GENERATE(as<unsigned>{}, 1, 2, 3)};
  PartitionOffsets offsets;
  std::map<PartitionId, CommittedOffset> expected;
  for (int i = 0; i < 2000; ++i) {
    const PartitionId partition{static_cast<std::int32_t>(random() % 100)};
    if (random() % 3 == 0) {
      offsets.erase(partition);
      expected.erase(partition);
    } else {
      const auto offset = random_offset(random);
      offsets.set(partition, offset);
      expected[partition] = offset;
    }
    const auto found = offsets.find(partition);
    REQUIRE(found.has_value() == expected.contains(partition));
    if (found) REQUIRE(*found == expected[partition]);
  }
  REQUIRE(offsets.size() == expected.size());
  auto next = expected.begin();
  for (const auto& [partition, offset] : offsets) {
    REQUIRE(partition == next->first);
    REQUIRE(offset == next++->second);
  }
}

TEST_CASE("partition offsets are equal when what is committed is, however they came to be", "[group]") {
  PartitionOffsets left;
  PartitionOffsets right;
  left.set(PartitionId{0}, {.offset = Offset{1}, .topic_id = kTopic});
  left.set(PartitionId{1}, {.offset = Offset{2}, .topic_id = kOtherTopic});
  right.set(PartitionId{1}, {.offset = Offset{2}, .topic_id = kOtherTopic});
  CHECK_FALSE(left == right);
  right.set(PartitionId{0}, {.offset = Offset{1}, .topic_id = kTopic});
  CHECK(left == right);
  right.set(PartitionId{0}, {.offset = Offset{1}, .metadata = "text", .topic_id = kTopic});
  CHECK_FALSE(left == right);
}

TEST_CASE("an offset record is read in place as it is decoded", "[group]") {
  const auto record =
      offset_record("group", "topic", PartitionId{7},
                    {.offset = Offset{42}, .leader_epoch = LeaderEpoch{3}, .metadata = "text", .topic_id = kTopic});
  const auto encoded = encode(GroupRecord{record});
  OffsetRecordReader reader;
  const auto view = reader.read(encoded.key, ByteView{*encoded.value});
  REQUIRE(view);
  CHECK(view->group == "group");
  CHECK(view->topic == "topic");
  CHECK(view->partition == PartitionId{7});
  REQUIRE(view->value != nullptr);
  CHECK(*view->value == *record.value);
  SECTION("as is a tombstone") {
    const auto tombstone = reader.read(encoded.key, std::nullopt);
    REQUIRE(tombstone);
    CHECK(tombstone->value == nullptr);
  }
  SECTION("and of bytes that are cut off nothing") {
    for (std::size_t size = 0; size < encoded.key.size(); ++size) {
      CHECK_FALSE(reader.read(ByteView{encoded.key}.first(size), std::nullopt));
    }
    for (std::size_t size = 0; size < encoded.value->size(); ++size) {
      CHECK_FALSE(reader.read(encoded.key, ByteView{*encoded.value}.first(size)));
    }
  }
  SECTION("and of other kinds nothing") {
    const auto other = encode(GroupRecord{GroupMetadataRecord{{.group = "group"}, std::nullopt}});
    CHECK_FALSE(reader.read(other.key, std::nullopt));
  }
}

}  // namespace sluice::test
