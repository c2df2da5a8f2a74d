#include "broker/controller/cluster_state.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <random>

#include "tests/support/fake_cluster_state.hpp"

namespace sluice {
namespace {

using broker::controller::ClusterState;
using broker::controller::MetadataImage;
using test::FakeCluster;

/// One random command of any kind, most of them on few names so that they meet.
void random_command(FakeCluster& cluster, std::mt19937& random) {
  const auto name = "t" + std::to_string(random() % 12);
  switch (random() % 5) {
    case 0:
      cluster.create(name, static_cast<std::int32_t>(random() % 6), static_cast<std::int16_t>(1 + random() % 4));
      return;
    case 1: {
      protocol::DeleteTopicsRequest request;
      request.topic_names = {name};
      cluster.handle(request);
      return;
    }
    case 2: {
      protocol::CreatePartitionsRequest request;
      auto& topic = request.topics.emplace_back();
      topic.name = name;
      topic.count = static_cast<std::int32_t>(random() % 10);
      topic.assignments = std::nullopt;
      cluster.handle(request);
      return;
    }
    case 3: {
      protocol::AllocateProducerIdsRequest request;
      request.broker_id = BrokerId{1};
      cluster.handle(request);
      return;
    }
    default: {
      protocol::IncrementalAlterConfigsRequest request;
      auto& resource = request.resources.emplace_back();
      resource.resource_type = random() % 3 == 0 ? 4 : 2;
      resource.resource_name = resource.resource_type == 4 ? (random() % 2 == 0 ? "" : "1") : name;
      auto& config = resource.configs.emplace_back();
      config.name = resource.resource_type == 4 ? "log.retention.ms" : "retention.ms";
      config.config_operation = static_cast<std::int8_t>(random() % 2);
      config.value = std::to_string(1 + random() % 1000);
      cluster.handle(request);
    }
  }
}

TEST_CASE("replaying all records, through their serialized form, gives the live state", "[controller]") {
  const auto seed = GENERATE(range(1U, 21U));
  CAPTURE(seed);
  std::mt19937 random{seed};
  FakeCluster cluster{3};
  std::vector<std::shared_ptr<const MetadataImage>> images;
  for (int i = 0; i < 200; ++i) {
    random_command(cluster, random);
    if (random() % 4 == 0) images.push_back(cluster.state.take_change().after);
  }

  ClusterState replayed{std::make_shared<broker::config::BrokerConfig>(), test::counting_uuids()};
  std::size_t next_image = 0;
  for (std::size_t i = 0; i < cluster.commands.size(); ++i) {
    const auto decoded = broker::controller::decode(as_byte_view(broker::controller::encode(cluster.commands[i])));
    REQUIRE((decoded == cluster.commands[i]));
    replayed.replay(*decoded, Offset{static_cast<std::int64_t>(i) + 1});
    // Published images kept what they were, however often the state changed since.
    while (next_image < images.size() && images[next_image]->version() <= replayed.image().version()) {
      if (images[next_image]->version() == replayed.image().version()) {
        REQUIRE(*images[next_image] == replayed.image());
      }
      ++next_image;
    }
  }
  CHECK(replayed.image() == cluster.state.image());
}

TEST_CASE("a delta names what was created, changed and deleted since the last", "[controller]") {
  FakeCluster cluster;
  cluster.create("kept");
  cluster.create("gone");
  cluster.state.take_change();

  cluster.create("flash");
  protocol::DeleteTopicsRequest removal;
  removal.topic_names = {"gone", "flash"};
  cluster.handle(removal);
  cluster.create("new");
  protocol::CreatePartitionsRequest growth;
  auto& topic = growth.topics.emplace_back();
  topic.name = "kept";
  topic.count = 3;
  topic.assignments = std::nullopt;
  cluster.handle(growth);

  const auto change = cluster.state.take_change();
  REQUIRE(change.delta.topics.size() == 3);
  CHECK(change.delta.topics.front().before->name == "gone");
  CHECK(change.delta.topics.front().after == nullptr);
  for (const auto& one : change.delta.topics) {
    if (one.after == nullptr) continue;
    CHECK(one.after->name == (one.before == nullptr ? "new" : "kept"));
  }
  CHECK(change.before->find_topic("kept")->partitions.size() == 1);
  CHECK(change.after->find_topic("kept")->partitions.size() == 3);
  CHECK(cluster.state.take_change().delta.empty());
}

TEST_CASE("a copy of the state is not touched by what happens to the other", "[controller]") {
  FakeCluster cluster;
  cluster.create("a");
  cluster.state.take_change();
  const ClusterState saved = cluster.state;
  cluster.create("b", 3);
  protocol::CreatePartitionsRequest growth;
  auto& topic = growth.topics.emplace_back();
  topic.name = "a";
  topic.count = 4;
  topic.assignments = std::nullopt;
  cluster.handle(growth);
  CHECK(saved.image().topic_count() == 1);
  CHECK(saved.image().find_topic("a")->partitions.size() == 1);
}

TEST_CASE("publishing one change among many topics shares all the others", "[controller]") {
  FakeCluster cluster;
  for (int i = 0; i < 200; ++i) cluster.create("t-" + std::to_string(i));
  const auto before = cluster.state.take_change().after;
  cluster.create("one-more");
  const auto after = cluster.state.take_change().after;
  CHECK(before->topic_count() == 200);
  CHECK(after->topic_count() == 201);
  CHECK(before->find_topic("t-17") == after->find_topic("t-17"));
  CHECK(before->topic_names().size() == 200);
  CHECK(after->topic_names().front() == "one-more");
}

}  // namespace
}  // namespace sluice
