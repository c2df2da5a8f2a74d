#include "broker/controller/lifecycle_driver.hpp"

#include <catch2/catch.hpp>
#include <mutex>
#include <vector>

#include "broker/controller/controller_request.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/fake_cluster_state.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;
using State = BrokerLifecycle::State;
using test::eventually;
using namespace std::chrono_literals;

/// Answers as it is told to, and remembers what it was asked.
struct ScriptedController final : Controller {
  void submit(ControllerRequest request, Answer<ControllerResponse> answer) override {
    ControllerResponse response;
    {
      const std::lock_guard lock{mutex};
      if (std::holds_alternative<RegisterBrokerRequest>(request.body)) {
        ++registrations;
        response.body = registration;
      } else {
        const auto& beat = std::get<HeartbeatRequest>(request.body);
        beats.push_back(beat);
        auto told = heartbeat;
        if (beat.metadata_offset < Offset{0}) told.fenced = true;
        if (beat.wants_shutdown) told.may_shut_down = true;
        if (beat.epoch != registration.epoch) told.error_code = ErrorCode::stale_broker_epoch;
        response.body = told;
      }
    }
    answer(std::move(response));
  }
  template <class Look>
  auto with(Look look) {
    const std::lock_guard lock{mutex};
    return look();
  }

  std::mutex mutex;
  RegisterBrokerResponse registration{.epoch = BrokerEpoch{7}};
  HeartbeatResponse heartbeat{.caught_up = true, .fenced = false};
  int registrations = 0;
  std::vector<HeartbeatRequest> beats;
};

struct Harness {
  Harness() {
    test::FakeCluster cluster;
    publisher.offer(cluster.state.take_change());
    REQUIRE(publisher.wait_for([](const MetadataImage& image) { return image.version() >= Offset{0}; }, 10s));
    thread.start();
  }
  ~Harness() { thread.stop(); }

  ScriptedController controller;
  ImagePublisher publisher;
  IoThread thread{0};
  LifecycleDriver driver{{.options = {.heartbeat_interval = 20ms, .retry_interval = 5ms},
                          .registration = {.broker = test::broker_image(1)},
                          .controller = controller,
                          .publisher = publisher,
                          .thread = thread}};
};

}  // namespace

TEST_CASE("a broker is fenced until it serves", "[controller]") {
  Harness it;
  it.driver.start();
  REQUIRE(eventually([&] { return it.controller.with([&] { return it.controller.beats.size() >= 3; }); }));
  CHECK(it.driver.state() == State::fenced);
  CHECK(it.driver.epoch() == BrokerEpoch{7});
  it.driver.serve();
  CHECK(eventually([&] { return it.driver.state() == State::serving; }));
}

TEST_CASE("a broker whose registration is forgotten registers again", "[controller]") {
  Harness it;
  it.driver.start();
  it.driver.serve();
  REQUIRE(eventually([&] { return it.driver.state() == State::serving; }));
  it.controller.with([&] { it.controller.registration.epoch = BrokerEpoch{9}; });
  CHECK(eventually([&] { return it.driver.epoch() == BrokerEpoch{9} && it.driver.state() == State::serving; }));
  CHECK(it.controller.with([&] { return it.controller.registrations; }) == 2);
}

TEST_CASE("a controller that is not there is asked again", "[controller]") {
  Harness it;
  it.controller.registration.error_code = ErrorCode::not_controller;
  it.driver.start();
  REQUIRE(eventually([&] { return it.controller.with([&] { return it.controller.registrations >= 3; }); }));
  CHECK(it.driver.state() == State::unregistered);
  it.controller.with([&] { it.controller.registration.error_code = ErrorCode::none; });
  CHECK(eventually([&] { return it.driver.state() == State::fenced; }));
}

TEST_CASE("a broker that is refused says why, and asks no more", "[controller]") {
  Harness it;
  it.controller.registration.error_code = ErrorCode::duplicate_broker_registration;
  it.controller.registration.error_message = "another is there";
  it.driver.start();
  REQUIRE(eventually([&] { return it.driver.state() == State::refused; }));
  CHECK(it.driver.refusal().find("another is there") != std::string::npos);
  const auto asked = it.controller.with([&] { return it.controller.registrations; });
  std::this_thread::sleep_for(30ms);
  CHECK(it.controller.with([&] { return it.controller.registrations; }) == asked);
}

TEST_CASE("a broker that leaves has left once the controller says that it may", "[controller]") {
  Harness it;
  it.driver.start();
  it.driver.serve();
  REQUIRE(eventually([&] { return it.driver.state() == State::serving; }));
  it.driver.leave();
  CHECK(eventually([&] { return it.driver.state() == State::left; }));
  CHECK(it.controller.with([&] { return it.controller.beats.back().wants_shutdown; }));
}

}  // namespace sluice::broker::controller
