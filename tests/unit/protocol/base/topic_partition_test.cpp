#include "protocol/base/topic_partition.hpp"

#include <catch2/catch.hpp>

namespace sluice {
namespace {

TopicPartition partition(std::string topic, std::int32_t index) { return {std::move(topic), PartitionId{index}}; }

}  // namespace

TEST_CASE("a partition's directory name splits at its last dash", "[checkpoint]") {
  CHECK(partition("with-dash", 12).to_string() == "with-dash-12");
  CHECK(TopicPartition::parse("with-dash-12") == partition("with-dash", 12));
  CHECK(TopicPartition::parse("t-0") == partition("t", 0));
  CHECK(TopicPartition::parse("t--1") == partition("t-", 1));
  CHECK(TopicPartition::parse("t-2147483647") == partition("t", 2147483647));
  for (const auto* odd : {"", "t", "-0", "t-", "t-x", "t-00", "t-01", "t-+1", "t-2147483648", "t-1x", "t-1-"}) {
    CAPTURE(odd);
    CHECK(TopicPartition::parse(odd) == std::nullopt);
  }
  CHECK(partition("a", 2) < partition("a", 10));
  CHECK(std::hash<TopicPartition>{}(partition("a", 1)) != std::hash<TopicPartition>{}(partition("a", 2)));
}

}  // namespace sluice
