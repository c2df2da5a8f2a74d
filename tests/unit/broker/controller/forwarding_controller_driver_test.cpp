#include "broker/controller/forwarding_controller_driver.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/broker/controller/sole_quorum.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;
using test::SoleQuorum;

}  // namespace

TEST_CASE("a request waits for a leader", "[controller]") {
  storage::MemoryFileSystem fs;
  SoleQuorum quorum{fs};
  quorum.start();  // the election has not even begun
  const auto answer = quorum.ask(quorum.creation_of("t"));
  REQUIRE(answer.has_value());
  CHECK(answer->topics.at(0).error_code == ErrorCode::invalid_replication_factor);  // decided: no broker is there yet
}

TEST_CASE("without a leader a request fails in its time, for each of its items", "[controller]") {
  storage::MemoryFileSystem fs;
  SoleQuorum quorum{fs};
  quorum.start();
  REQUIRE(quorum.ask(quorum.creation_of("t")).has_value());
  quorum.driver->stop();
  quorum.timeout = std::chrono::milliseconds{150};
  const auto began = std::chrono::steady_clock::now();
  const auto answer = quorum.ask(quorum.creation_of("u"));
  REQUIRE(answer.has_value());
  REQUIRE(answer->topics.size() == 1);
  const auto error = answer->topics[0].error_code;
  CHECK((error == ErrorCode::not_controller || error == ErrorCode::request_timed_out));
  CHECK(answer->topics[0].name == "u");
  CHECK(std::chrono::steady_clock::now() - began >= quorum.timeout);
}

TEST_CASE("who waits is told when the controller stops", "[controller]") {
  storage::MemoryFileSystem fs;
  SoleQuorum quorum{fs};
  quorum.start();
  REQUIRE(quorum.ask(quorum.creation_of("t")).has_value());
  quorum.driver->stop();
  std::promise<ErrorCode> told;
  call(*quorum.controller, quorum.creation_of("u"),
       [&](const protocol::CreateTopicsResponse& response) { told.set_value(response.topics.at(0).error_code); });
  quorum.controller->stop();
  CHECK(told.get_future().get() == ErrorCode::not_controller);
  const auto late = quorum.ask(quorum.creation_of("v"));
  REQUIRE(late.has_value());
  CHECK(late->topics.at(0).error_code == ErrorCode::not_controller);
}

TEST_CASE("a leader is told of its ISR when its image shows what came before it", "[controller]") {
  storage::MemoryFileSystem fs;
  SoleQuorum quorum{fs};
  quorum.start();
  quorum.register_broker();
  REQUIRE(quorum.ask(quorum.creation_of("t"))->topics.at(0).error_code == ErrorCode::none);
  const auto image = quorum.publisher.image();
  AlterPartitionRequest request{.broker = BrokerId{1}, .broker_epoch = image->find_broker(BrokerId{1})->epoch};
  auto& change = request.changes.emplace_back();
  change.topic_id = image->find_topic("t")->id;
  change.isr = {{.id = BrokerId{1}}};

  std::promise<void> go_on;
  quorum.publisher.post([&] { go_on.get_future().wait(); });  // no image is published meanwhile
  protocol::IncrementalAlterConfigsRequest raise;
  auto& resource = raise.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = "t";
  resource.configs.emplace_back().name = "min.insync.replicas";
  resource.configs.back().value = "2";
  call(*quorum.controller, raise, [](const protocol::IncrementalAlterConfigsResponse&) {});
  std::promise<ErrorCode> answered;
  auto told = answered.get_future();
  call(*quorum.controller, request,
       [&](const AlterPartitionResponse& response) { answered.set_value(response.items.at(0).error_code); });
  CHECK(told.wait_for(std::chrono::milliseconds{100}) == std::future_status::timeout);
  go_on.set_value();
  CHECK(told.get() == ErrorCode::none);
  CHECK(quorum.publisher.image()->find_topic("t")->configs.at("min.insync.replicas") == "2");
}

TEST_CASE("only an answer of which all says so is none of the controller", "[controller]") {
  protocol::CreateTopicsResponse response;
  CHECK_FALSE(is_not_controller({.body = response}));
  response.topics.emplace_back().error_code = ErrorCode::not_controller;
  CHECK(is_not_controller({.body = response}));
  response.topics.emplace_back().error_code = ErrorCode::none;
  CHECK_FALSE(is_not_controller({.body = response}));
  HeartbeatResponse beat;
  beat.error_code = ErrorCode::not_controller;
  CHECK(is_not_controller({.body = beat}));
  beat.error_code = ErrorCode::stale_broker_epoch;
  CHECK_FALSE(is_not_controller({.body = beat}));
}

}  // namespace sluice::broker::controller
