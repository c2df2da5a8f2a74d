#include "broker/controller/metadata_driver.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/broker/controller/sole_quorum.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;
using test::eventually;
using test::SoleQuorum;

}  // namespace

TEST_CASE("a node that is alone leads, and founds its cluster", "[controller]") {
  storage::MemoryFileSystem fs;
  SoleQuorum quorum{fs};
  quorum.start();
  REQUIRE(eventually([&] { return quorum.publisher.image()->cluster_id() == "test-cluster"; }));
  CHECK(quorum.metadata.is_active());
  CHECK(quorum.metadata.leader() == BrokerId{1});
  CHECK(quorum.metadata.voters().size() == 1);
  CHECK(quorum.leader_changes >= 1);
  CHECK(quorum.publisher.image()->feature_level("group.version") > 0);
}

TEST_CASE("what is answered is in the image, and in the log that the next process reads", "[controller]") {
  storage::MemoryFileSystem fs;
  Uuid id;
  Offset version;
  {
    SoleQuorum quorum{fs};
    quorum.start();
    quorum.register_broker();
    const auto created = quorum.ask(quorum.creation_of("t"));
    REQUIRE(created.has_value());
    REQUIRE(created->topics.at(0).error_code == ErrorCode::none);
    id = created->topics.at(0).topic_id;
    const auto image = quorum.publisher.image();
    REQUIRE(image->find_topic("t") != nullptr);
    version = image->version();
  }
  SoleQuorum again{fs};
  again.start();
  REQUIRE(eventually([&] { return again.publisher.image()->version() >= version; }));
  REQUIRE(again.publisher.image()->find_topic("t") != nullptr);
  CHECK(again.publisher.image()->find_topic("t")->id == id);
}

TEST_CASE("a snapshot holds everything that was applied", "[controller]") {
  storage::MemoryFileSystem fs;
  Offset version;
  {
    SoleQuorum quorum{fs};
    quorum.start();
    quorum.register_broker();
    for (int i = 0; i < 20; ++i) REQUIRE(quorum.ask(quorum.creation_of("t" + std::to_string(i))).has_value());
    version = quorum.publisher.image()->version();
    std::promise<Result<raft::LogIndex>> taken;
    quorum.driver->take_snapshot([&](Result<raft::LogIndex> index) { taken.set_value(index); });
    const auto index = taken.get_future().get();
    REQUIRE(index.has_value());
    CHECK(index->value() >= version.value());
  }
  SoleQuorum again{fs};
  again.start();
  REQUIRE(again.publisher.wait_for([](const MetadataImage& image) { return image.topic_count() == 20; },
                                   std::chrono::seconds{10}));
  CHECK(again.publisher.image()->version() >= version);
}

TEST_CASE("the quorum describes itself", "[controller]") {
  storage::MemoryFileSystem fs;
  SoleQuorum quorum{fs};
  quorum.addresses.set_quorum_address(BrokerId{1}, {.host = "h", .port = 9093});
  quorum.start();
  REQUIRE(eventually([&] { return quorum.metadata.is_active(); }));
  protocol::DescribeQuorumRequest request;
  auto& topic = request.topics.emplace_back();
  topic.topic_name = "__cluster_metadata";
  topic.partitions.emplace_back();
  topic.partitions.emplace_back().partition_index = PartitionId{1};
  const auto answer = quorum.ask(request);
  REQUIRE(answer.has_value());
  const auto& told = answer->topics.at(0).partitions.at(0);
  CHECK(told.error_code == ErrorCode::none);
  CHECK(told.leader_id == BrokerId{1});
  REQUIRE(told.current_voters.size() == 1);
  CHECK(told.current_voters[0].replica_directory_id == test::directory_of(1));
  CHECK(told.current_voters[0].log_end_offset >= told.high_watermark);
  CHECK(answer->topics.at(0).partitions.at(1).error_code == ErrorCode::unknown_topic_or_partition);
  REQUIRE(answer->nodes.size() == 1);
  CHECK(answer->nodes[0].listeners.at(0).port == 9093);
}

TEST_CASE("the last voter is not removed, nor one of another cluster added", "[controller]") {
  storage::MemoryFileSystem fs;
  SoleQuorum quorum{fs};
  quorum.start();
  REQUIRE(eventually([&] { return quorum.publisher.image()->cluster_id() == "test-cluster"; }));
  protocol::RemoveRaftVoterRequest removal;
  removal.voter_id = BrokerId{1};
  removal.voter_directory_id = test::directory_of(1);
  const auto removed = quorum.ask(removal);
  REQUIRE(removed.has_value());
  CHECK(removed->error_code == ErrorCode::invalid_request);

  protocol::AddRaftVoterRequest addition;
  addition.voter_id = BrokerId{2};
  addition.voter_directory_id = test::directory_of(2);
  addition.timeout_ms = 200;
  addition.cluster_id = "another";
  auto added = quorum.ask(addition);
  REQUIRE(added.has_value());
  CHECK(added->error_code == ErrorCode::inconsistent_cluster_id);
  addition.cluster_id.reset();
  added = quorum.ask(addition);  // it follows nothing here
  REQUIRE(added.has_value());
  CHECK(added->error_code != ErrorCode::none);
  addition.voter_directory_id = {};
  added = quorum.ask(addition);
  REQUIRE(added.has_value());
  CHECK(added->error_code == ErrorCode::invalid_request);
}

}  // namespace sluice::broker::controller
