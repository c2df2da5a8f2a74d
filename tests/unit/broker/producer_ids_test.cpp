#include "broker/producer_ids.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <thread>
#include <vector>

#include "broker/controller/controller_request.hpp"

namespace sluice::broker {
namespace {

using protocol::ErrorCode;

/// Allocates blocks of `block` ids, when told to.
struct SlowController final : controller::Controller {
  void submit(controller::ControllerRequest, controller::Answer<controller::ControllerResponse> answer) override {
    asked.push_back(std::move(answer));
    if (at_once) reply();
  }

  void reply(ErrorCode error = ErrorCode::none) {
    auto answer = std::move(asked.back());
    asked.pop_back();
    protocol::AllocateProducerIdsResponse response;
    response.error_code = error;
    if (error == ErrorCode::none) {
      response.producer_id_start = ProducerId{next};
      response.producer_id_len = block;
      next += block;
    }
    answer({.body = std::move(response)});
  }

  std::int32_t block = 3;
  std::int64_t next = 1000;
  bool at_once = false;
  std::vector<controller::Answer<controller::ControllerResponse>> asked;
};

struct Harness {
  SlowController controller;
  ProducerIds ids{controller, BrokerId{1}};
  std::vector<std::int64_t> taken;
  std::vector<ErrorCode> errors;

  void take() {
    ids.next([this](ErrorCode error, ProducerId id) {
      if (error == ErrorCode::none) {
        taken.push_back(id.value());
      } else {
        errors.push_back(error);
      }
    });
  }
};

}  // namespace

TEST_CASE("ids come from one block while it lasts", "[producer_ids]") {
  Harness harness;
  harness.controller.at_once = true;
  for (int i = 0; i < 4; ++i) harness.take();
  CHECK(harness.taken == std::vector<std::int64_t>{1000, 1001, 1002, 1003});
  CHECK(harness.controller.next == 1006);
}

TEST_CASE("those who come while a block is on its way share it", "[producer_ids]") {
  Harness harness;
  harness.take();
  harness.take();
  CHECK(harness.taken.empty());
  REQUIRE(harness.controller.asked.size() == 1);
  harness.controller.reply();
  CHECK(harness.taken == std::vector<std::int64_t>{1000, 1001});
}

TEST_CASE("a block too small for those who wait is followed by another", "[producer_ids]") {
  Harness harness;
  for (int i = 0; i < 5; ++i) harness.take();
  harness.controller.reply();
  CHECK(harness.taken.size() == 3);
  REQUIRE(harness.controller.asked.size() == 1);
  harness.controller.reply();
  CHECK(harness.taken == std::vector<std::int64_t>{1000, 1001, 1002, 1003, 1004});
  CHECK(harness.controller.asked.empty());
}

TEST_CASE("a failed allocation fails those who wait, and the next one asks anew", "[producer_ids]") {
  Harness harness;
  harness.take();
  harness.take();
  harness.controller.reply(ErrorCode::not_controller);
  CHECK(harness.errors == std::vector<ErrorCode>(2, ErrorCode::not_controller));
  harness.take();
  harness.controller.reply();
  CHECK(harness.taken == std::vector<std::int64_t>{1000});
}

}  // namespace sluice::broker
