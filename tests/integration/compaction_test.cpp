#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "protocol/messages/find_coordinator.hpp"
#include "protocol/messages/incremental_alter_configs.hpp"
#include "protocol/messages/offset_commit.hpp"
#include "protocol/messages/offset_fetch.hpp"
#include "tests/integration/records.hpp"
#include "tests/support/eventually.hpp"

namespace sluice {
namespace {

using test::batch;
using test::number;
using test::produce;
using test::TestBroker;

const test::Settings kEager{"log.cleaner.backoff.ms=20"};
const test::TopicConfigs kCompacted{{"cleanup.policy", "compact"},
                                    {"segment.bytes", "16384"},
                                    {"min.cleanable.dirty.ratio", "0.01"},
                                    {"file.delete.delay.ms", "0"}};

/// Enough for several segments: many values for few keys.
void fill(client::WireConnection& connection, const std::string& topic, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    std::vector<test::TestRecord> records;
    for (int key = 0; key < 10; ++key) {
      records.push_back({"key-" + std::to_string(key), std::to_string(round) + std::string(100, 'v')});
    }
    REQUIRE(number(produce(connection, topic, test::batch_from(records)).error_code) == 0);
  }
}

std::size_t records_left(client::WireConnection& connection, const std::string& topic) {
  std::size_t count = 0;
  const auto end = test::list_offset(connection, topic, -1);
  for (auto next = Offset{0}; next < end;) {
    const auto fetched = test::fetch(connection, topic, next);
    for (record::BatchWalker walker{fetched.records}; const auto each = walker.next();) {
      next = each->next_offset();
      count += static_cast<std::size_t>(each->record_count());
    }
    if (fetched.records.empty()) break;
  }
  return count;
}

std::string file_text(const std::string& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

int commit(client::WireConnection& connection, const std::string& group, Offset offset) {
  protocol::OffsetCommitRequest request;
  request.group_id = group;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.partitions.emplace_back().committed_offset = offset;
  return number(test::ask<protocol::OffsetCommit>(connection, request, 8).topics.at(0).partitions.at(0).error_code);
}

/// -2 while the group is not there yet.
Offset committed(client::WireConnection& connection, const std::string& group) {
  protocol::OffsetFetchRequest request;
  request.group_id = group;
  auto& topic = request.topics->emplace_back();
  topic.name = "t";
  topic.partition_indexes.emplace_back();
  const auto answer = test::ask<protocol::OffsetFetch>(connection, request, 7);
  if (answer.error_code != protocol::ErrorCode::none) return Offset{-2};
  return answer.topics.at(0).partitions.at(0).committed_offset;
}

std::uintmax_t bytes_on_disk(const std::string& directory) {
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator{directory}) {
    std::error_code gone;
    const auto size = entry.file_size(gone);
    if (entry.path().extension() == ".log" && !gone) bytes += size;
  }
  return bytes;
}

}  // namespace

TEST_CASE("a compacted topic shrinks to its last values while it is served, and stays so", "[compaction]") {
  TestBroker broker{kEager};
  broker.create_topic("t", kCompacted);
  broker.create_topic("plain", {{"segment.bytes", "16384"}});
  auto connection = broker.connect();
  fill(connection, "t", 100);
  fill(connection, "plain", 100);
  CHECK(test::eventually([&] { return records_left(connection, "t") < 300; }));
  CHECK(records_left(connection, "plain") == 1000);
  CHECK(test::list_offset(connection, "t", -1) == Offset{1000});
  CHECK(test::eventually([&] {
    return file_text(broker.data_directory() + "/cleaner-offset-checkpoint").find("t 0 ") != std::string::npos;
  }));
  const bool clean = GENERATE(true, false);
  if (clean) {
    broker.restart();
  } else {
    broker.crash_and_restart();
  }
  auto again = broker.connect();
  CHECK(records_left(again, "t") < 300);
  CHECK(test::list_offset(again, "t", -1) == Offset{1000});
  CHECK(number(produce(again, "t", batch({{"key-0", "last"}})).error_code) == 0);
}

TEST_CASE("a topic is compacted from the moment its policy says so", "[compaction]") {
  TestBroker broker{kEager};
  auto configs = kCompacted;
  configs.front().second = "delete";
  broker.create_topic("t", configs);
  auto connection = broker.connect();
  fill(connection, "t", 100);
  CHECK(records_left(connection, "t") == 1000);
  protocol::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = "t";
  auto& config = resource.configs.emplace_back();
  config.name = "cleanup.policy";
  config.value = "compact";
  CHECK(number(test::ask<protocol::IncrementalAlterConfigs>(connection, request).responses.at(0).error_code) == 0);
  CHECK(test::eventually([&] { return records_left(connection, "t") < 300; }));
}

TEST_CASE("committed offsets are compacted, and loaded from what is left", "[compaction]") {
  auto settings = kEager;
  settings.insert(settings.end(), {"offsets.topic.num.partitions=1", "offsets.topic.replication.factor=1",
                                   "offsets.topic.segment.bytes=16384", "log.cleaner.min.cleanable.ratio=0.01"});
  TestBroker broker{settings};
  broker.create_topic("t");
  {
    auto connection = broker.connect();
    protocol::FindCoordinatorRequest request;
    request.key = "busy";
    test::ask<protocol::FindCoordinator>(connection, request, 3);
    REQUIRE(test::eventually([&] { return commit(connection, "idle", Offset{7}) == 0; }));
    for (int i = 0; i < 1000; ++i) REQUIRE(commit(connection, "busy", Offset{i}) == 0);
    const auto directory = broker.data_directory() + "/__consumer_offsets-0";
    CHECK(test::eventually([&] { return bytes_on_disk(directory) < 40'000; }));
  }
  const bool clean = GENERATE(true, false);
  if (clean) {
    broker.restart();
  } else {
    broker.crash_and_restart();
  }
  auto connection = broker.connect();
  CHECK(test::eventually([&] { return committed(connection, "busy") == Offset{999}; }));
  CHECK(committed(connection, "idle") == Offset{7});
}

}  // namespace sluice
