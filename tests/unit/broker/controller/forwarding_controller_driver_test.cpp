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
