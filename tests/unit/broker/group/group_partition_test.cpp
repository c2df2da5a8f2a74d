#include "broker/group/group_partition.hpp"

#include <catch2/catch.hpp>

namespace sluice::broker::group {

TEST_CASE("names hash as in Java, over UTF-16 units", "[group]") {
  CHECK(java_hash("") == 0);
  CHECK(java_hash("abc") == 96354);
  CHECK(java_hash("\xc3\xa9") == 0xe9);
  CHECK(java_hash("\xf0\x9f\x98\x80") == 31 * 0xd83d + 0xde00);
  CHECK(java_hash("\xff") == 0xfffd);
}

TEST_CASE("the partition of a group is never negative", "[group]") {
  CHECK(java_hash("polygenelubricants") == std::numeric_limits<std::int32_t>::min());
  CHECK(partition_of_group("polygenelubricants", 50) == PartitionId{0});
  CHECK(partition_of_group("abc", 50) == PartitionId{96354 % 50});
}

}  // namespace sluice::broker::group
