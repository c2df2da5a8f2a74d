#include "protocol/messages/metadata.hpp"

#include <catch2/catch.hpp>

#include "broker/peer/lost_brokers.hpp"
#include "tests/support/fake_request.hpp"

namespace sluice {
namespace {

using protocol::ErrorCode;
using protocol::Metadata;
using protocol::MetadataRequest;
using test::FakeBroker;

MetadataRequest named(const std::vector<std::string>& names) {
  MetadataRequest request;
  for (const auto& name : names) request.topics->emplace_back().name = name;
  return request;
}

TEST_CASE("an empty list of topics means all in version 0 and none later; null means all", "[api]") {
  FakeBroker broker;
  broker.cluster.create("a");
  broker.cluster.create("b");
  CHECK(broker.ask<Metadata>({}, 0)->topics.size() == 2);
  CHECK(broker.ask<Metadata>({}, 1)->topics.empty());
  MetadataRequest all;
  all.topics = std::nullopt;
  CHECK(broker.ask<Metadata>(all)->topics.size() == 2);
}

TEST_CASE("brokers are told by the endpoint of the listener that the request came in on", "[api]") {
  FakeBroker broker{2};
  const auto response = broker.ask<Metadata>({});
  REQUIRE(response->brokers.size() == 2);
  CHECK(response->brokers[1].host == "host-2");
  CHECK(response->cluster_id == "test-cluster");
  broker.connection.listener_name = "OTHER";
  CHECK(broker.ask<Metadata>({})->brokers.empty());
}

TEST_CASE("a missing topic is created where broker and request allow it, and shown in the answer", "[api]") {
  FakeBroker broker;
  auto request = named({"fresh", "bad name"});
  SECTION("allowed") {
    const auto response = broker.ask<Metadata>(request);
    CHECK(response->topics[0].error_code == ErrorCode::none);
    CHECK(response->topics[0].partitions.size() == 1);
    CHECK(response->topics[1].error_code == ErrorCode::invalid_topic_exception);
  }
  SECTION("the request forbids it") {
    request.allow_auto_topic_creation = false;
    CHECK(broker.ask<Metadata>(request)->topics[0].error_code == ErrorCode::unknown_topic_or_partition);
  }
  SECTION("the broker forbids it") {
    broker.settings.auto_create_topics_enable = false;
    CHECK(broker.ask<Metadata>(request)->topics[0].error_code == ErrorCode::unknown_topic_or_partition);
  }
}

TEST_CASE("topics are found by id, and an unknown id is told from an unknown name", "[api]") {
  FakeBroker broker;
  const auto created = broker.cluster.create("a");
  MetadataRequest request;
  request.topics->resize(2);
  request.topics->at(0).name = std::nullopt;
  request.topics->at(0).topic_id = created.topic_id;
  request.topics->at(1).name = std::nullopt;
  request.topics->at(1).topic_id = Uuid{{9}};
  const auto response = broker.ask<Metadata>(request);
  CHECK(response->topics[0].name == "a");
  CHECK(response->topics[1].error_code == ErrorCode::unknown_topic_id);
  CHECK_FALSE(response->topics[1].name.has_value());
}

TEST_CASE("authorized operations are told only when asked for", "[api]") {
  FakeBroker broker;
  broker.cluster.create("a");
  auto request = named({"a"});
  CHECK(broker.ask<Metadata>(request)->topics[0].topic_authorized_operations == INT32_MIN);
  request.include_topic_authorized_operations = true;
  CHECK(broker.ask<Metadata>(request)->topics[0].topic_authorized_operations == 0xdf8);
}

TEST_CASE("an answer that would name a leader who may just have gone waits until that is known", "[api]") {
  broker::IoThread thread{0};
  thread.start();
  broker::peer::LostBrokers lost{thread};
  FakeBroker broker;
  broker.set_lost_brokers(lost);
  broker.cluster.create("a");
  const auto leader = broker.ask<Metadata>(named({"a"}))->topics[0].partitions[0].leader_id;
  SECTION("which it is when it was found") {
    lost.note_lost(leader);
    const auto asked = broker.ask_later<Metadata>(named({"a"}));
    CHECK_FALSE(asked->answer);
    lost.note_found(leader);
    REQUIRE(asked->answer);
    CHECK(asked->answer->topics[0].partitions[0].leader_id == leader);
  }
  SECTION("but not one that names others, or no partition") {
    lost.note_lost(BrokerId{77});
    CHECK(broker.ask<Metadata>(named({"a"})));
    lost.note_lost(leader);
    CHECK(broker.ask<Metadata>({}));
  }
  lost.stop();
  thread.stop();
}

}  // namespace
}  // namespace sluice
