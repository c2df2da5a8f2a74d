#include "broker/controller/broker_lifecycle.hpp"

#include <catch2/catch.hpp>

#include "tests/support/fake_cluster_state.hpp"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using namespace broker::controller;
using protocol::ErrorCode;
using State = BrokerLifecycle::State;

struct Broker {
  BrokerLifecycle it{{}, RegisterBrokerRequest{.cluster_id = "c", .broker = test::broker_image(1)}};
  broker::raft::Instant now{1s};

  template <class Request>
  Request next(Offset metadata_offset = Offset{100}) {
    auto request = it.next_request(metadata_offset, now);
    REQUIRE(request);
    REQUIRE(std::holds_alternative<Request>(*request));
    return std::get<Request>(*std::move(request));
  }
  void serve() {
    next<RegisterBrokerRequest>();
    it.on_response(RegisterBrokerResponse{.epoch = BrokerEpoch{5}}, now);
    next<HeartbeatRequest>();
    it.on_response(HeartbeatResponse{.caught_up = true, .fenced = false}, now);
  }
};

}  // namespace

TEST_CASE("a broker registers, is unfenced, and heartbeats from then on", "[controller]") {
  Broker broker;
  CHECK(broker.next<RegisterBrokerRequest>().cluster_id == "c");
  CHECK_FALSE(broker.it.next_request(Offset{0}, broker.now));  // one at a time
  CHECK(broker.it.next_deadline() == broker::raft::Instant::max());
  broker.it.on_response(RegisterBrokerResponse{.epoch = BrokerEpoch{5}}, broker.now);
  CHECK(broker.it.state() == State::fenced);
  CHECK(broker.it.epoch() == BrokerEpoch{5});

  const auto heartbeat = broker.next<HeartbeatRequest>(Offset{4});
  CHECK(heartbeat.epoch == BrokerEpoch{5});
  CHECK(heartbeat.metadata_offset == Offset{4});
  broker.it.on_response(HeartbeatResponse{.fenced = true}, broker.now);
  CHECK_FALSE(broker.it.next_request(Offset{5}, broker.now));
  broker.now = broker.it.next_deadline();  // soon: its image is about to show it
  CHECK(broker.now <= 1100ms);
  broker.next<HeartbeatRequest>();
  broker.it.on_response(HeartbeatResponse{.caught_up = true, .fenced = false}, broker.now);
  CHECK(broker.it.state() == State::serving);
  CHECK(broker.it.next_deadline() == broker.now + 2s);
}

TEST_CASE("a broker whose epoch is stale registers anew", "[controller]") {
  Broker broker;
  broker.serve();
  broker.now += 2s;
  broker.next<HeartbeatRequest>();
  broker.it.on_response(HeartbeatResponse{.error_code = ErrorCode::stale_broker_epoch}, broker.now);
  CHECK(broker.it.state() == State::unregistered);
  broker.next<RegisterBrokerRequest>();
}

TEST_CASE("what fails is repeated after a while", "[controller]") {
  Broker broker;
  broker.next<RegisterBrokerRequest>();
  broker.it.on_failure(broker.now);
  CHECK(broker.it.next_deadline() == broker.now + 100ms);
  broker.now += 100ms;
  broker.next<RegisterBrokerRequest>();
  broker.it.on_response(RegisterBrokerResponse{.error_code = ErrorCode::not_controller}, broker.now);
  CHECK(broker.it.state() == State::unregistered);
  broker.now += 100ms;
  broker.serve();
}

TEST_CASE("an id or a cluster that is another's ends a broker", "[controller]") {
  Broker broker;
  broker.next<RegisterBrokerRequest>();
  broker.it.on_response(
      RegisterBrokerResponse{.error_code = ErrorCode::duplicate_broker_registration, .error_message = "why"},
      broker.now);
  CHECK(broker.it.state() == State::refused);
  CHECK(broker.it.refusal() == "why");
  CHECK_FALSE(broker.it.next_request(Offset{0}, broker.now + 1h));
}

TEST_CASE("an id whose last process may be gone is waited for, and no longer than its session may last",
          "[controller]") {
  BrokerLifecycle it{{.duplicate_patience = 9s}, RegisterBrokerRequest{.broker = test::broker_image(1)}};
  broker::raft::Instant now{1s};
  const auto ask = [&](ErrorCode answered) {
    REQUIRE(it.next_request(Offset{0}, now));
    it.on_response(RegisterBrokerResponse{.error_code = answered, .error_message = "why"}, now);
  };
  ask(ErrorCode::duplicate_broker_registration);
  CHECK(it.state() == State::unregistered);
  CHECK(it.waits_for_id());
  CHECK(it.next_deadline() == now + 100ms);
  SECTION("until it is free") {
    now += 8s;
    ask(ErrorCode::duplicate_broker_registration);
    now += 100ms;
    ask(ErrorCode::none);
    CHECK(it.state() == State::fenced);
    CHECK_FALSE(it.waits_for_id());
  }
  SECTION("in vain") {
    now += 9s;
    ask(ErrorCode::duplicate_broker_registration);
    CHECK(it.state() == State::refused);
    CHECK(it.refusal() == "why");
  }
}

TEST_CASE("a broker leaves when nothing depends on it any more", "[controller]") {
  Broker broker;
  SECTION("as the controller says") {
    broker.serve();
    broker.it.leave();
    CHECK(broker.it.state() == State::leaving);
    CHECK(broker.next<HeartbeatRequest>().wants_shutdown);
    broker.it.on_response(HeartbeatResponse{.fenced = false}, broker.now);
    broker.now += 100ms;
    CHECK(broker.next<HeartbeatRequest>().wants_shutdown);
    broker.it.on_response(HeartbeatResponse{.fenced = false, .may_shut_down = true}, broker.now);
  }
  SECTION("though the controller does not know it any more") {
    broker.serve();
    broker.it.leave();
    broker.next<HeartbeatRequest>();
    broker.it.on_response(HeartbeatResponse{.error_code = ErrorCode::broker_id_not_registered}, broker.now);
  }
  SECTION("when it never was registered") { broker.it.leave(); }
  CHECK(broker.it.state() == State::left);
  CHECK_FALSE(broker.it.next_request(Offset{0}, broker.now + 1h));
}

TEST_CASE("a stalled broker asks to be fenced, and to serve again when it goes on", "[controller]") {
  Broker broker;
  broker.serve();
  broker.it.set_stalled(true);
  CHECK(broker.next<HeartbeatRequest>().wants_fence);
  broker.it.on_response(HeartbeatResponse{.caught_up = true, .fenced = true}, broker.now);
  CHECK(broker.it.state() == State::fenced);
  CHECK(broker.it.next_deadline() == broker.now + 2s);  // nothing will have changed sooner
  broker.it.set_stalled(false);
  CHECK_FALSE(broker.next<HeartbeatRequest>().wants_fence);
  broker.it.on_response(HeartbeatResponse{.caught_up = true, .fenced = false}, broker.now);
  CHECK(broker.it.state() == State::serving);
}

TEST_CASE("a failed directory is told of at once", "[controller]") {
  Broker broker;
  broker.serve();
  CHECK_FALSE(broker.it.next_request(Offset{0}, broker.now));
  broker.it.set_offline_directories({Uuid{{1}}});
  CHECK(broker.next<HeartbeatRequest>().offline_directories.size() == 1);
}

TEST_CASE("replicas that it can't serve are told of at once, and from then on", "[controller]") {
  Broker broker;
  broker.serve();
  broker.it.set_offline_replicas({{.topic_id = Uuid{{1}}, .partition = PartitionId{0}}});
  CHECK(broker.next<HeartbeatRequest>().offline_replicas.size() == 1);
  broker.it.on_response(HeartbeatResponse{.caught_up = true, .fenced = false}, broker.now);
  broker.now += 2s;
  CHECK(broker.next<HeartbeatRequest>().offline_replicas.size() == 1);
}

}  // namespace sluice
