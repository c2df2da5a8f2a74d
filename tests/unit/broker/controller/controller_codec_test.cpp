#include "broker/controller/controller_codec.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "tests/support/fake_cluster_state.hpp"

namespace sluice {
namespace {

using namespace broker::controller;
using protocol::ErrorCode;

/// One of every kind, the variants' default values.
template <class Variant, std::size_t... kIndex>
std::vector<Variant> one_of_each(std::index_sequence<kIndex...>) {
  return {Variant{std::in_place_index<kIndex>}...};
}
template <class Variant>
std::vector<Variant> one_of_each() {
  return one_of_each<Variant>(std::make_index_sequence<std::variant_size_v<Variant>>{});
}

std::vector<std::string> samples() {
  std::vector<std::string> all;
  for (const auto& body : one_of_each<decltype(ControllerRequest::body)>())
    all.push_back(encode(ControllerRequest{body}));
  for (const auto& body : one_of_each<decltype(ControllerResponse::body)>()) {
    all.push_back(encode(ControllerResponse{body, Offset{7}}));
  }
  return all;
}

template <class Body>
void check_request(const Body& body) {
  const auto decoded = decode_request(as_byte_view(encode(ControllerRequest{body, "User:alice"})));
  REQUIRE(decoded);
  CHECK(decoded->principal == "User:alice");
  CHECK((std::get<Body>(decoded->body) == body));
}
template <class Body>
void check_response(const Body& body) {
  const auto decoded = decode_response(as_byte_view(encode(ControllerResponse{body, Offset{42}})));
  REQUIRE(decoded);
  CHECK(decoded->version == Offset{42});
  CHECK((std::get<Body>(decoded->body) == body));
}

}  // namespace

TEST_CASE("every request and response of the controller survives the way to it", "[controller]") {
  for (const auto& body : one_of_each<decltype(ControllerRequest::body)>()) {
    const auto decoded = decode_request(as_byte_view(encode(ControllerRequest{body})));
    REQUIRE(decoded);
    CHECK((decoded->body == body));
  }
  for (const auto& body : one_of_each<decltype(ControllerResponse::body)>()) {
    const auto decoded = decode_response(as_byte_view(encode(ControllerResponse{body})));
    REQUIRE(decoded);
    CHECK((decoded->body == body));
    CHECK(decoded->version == kNoOffset);
  }
}

TEST_CASE("the brokers' calls arrive with all their fields", "[controller]") {
  RegisterBrokerRequest registration{
      .cluster_id = "c", .broker = test::broker_image(3, "rack"), .metadata_version_max = 4};
  registration.broker.incarnation = Uuid{{5}};
  registration.broker.capacity = 7;
  registration.broker.is_controller = true;
  registration.broker.was_shut_down_cleanly = false;
  registration.broker.endpoints[0].host = "not utf-8: \xff";
  check_request(registration);
  check_request(HeartbeatRequest{.id = BrokerId{1},
                                 .epoch = BrokerEpoch{9},
                                 .metadata_offset = Offset{8},
                                 .wants_fence = true,
                                 .wants_shutdown = true,
                                 .offline_directories = {Uuid{{1}}},
                                 .offline_replicas = {{.topic_id = Uuid{{2}}, .partition = PartitionId{0}},
                                                      {.topic_id = Uuid{{2}}, .partition = PartitionId{7}},
                                                      {.topic_id = Uuid{{3}}, .partition = PartitionId{1}}}});
  AlterPartitionRequest alter{.broker = BrokerId{1}, .broker_epoch = BrokerEpoch{4}};
  alter.changes.push_back({.topic_id = Uuid{{2}},
                           .partition = PartitionId{3},
                           .leader_epoch = LeaderEpoch{4},
                           .partition_epoch = PartitionEpoch{5},
                           .isr = {{.id = BrokerId{1}, .epoch = BrokerEpoch{6}}, {.id = BrokerId{2}}},
                           .recovery = LeaderRecovery::recovering});
  check_request(alter);
  check_request(JoinRequest{.cluster_id = "c", .node_id = BrokerId{4}, .directory_id = Uuid{{1}}});

  check_response(RegisterBrokerResponse{
      .error_code = ErrorCode::unknown_server_error, .error_message = "why", .epoch = BrokerEpoch{3}});
  check_response(HeartbeatResponse{.caught_up = true, .fenced = false, .may_shut_down = true});
  AlterPartitionResponse altered;
  PartitionImage partition;
  partition.partition = PartitionId{3};
  partition.replicas = partition.isr = test::ids({1, 2});
  partition.leader = BrokerId{1};
  partition.elr = partition.last_known_elr = partition.adding = partition.removing = test::ids({2});
  partition.recovery = LeaderRecovery::recovering;
  altered.items.push_back({.topic_id = Uuid{{2}},
                           .partition = PartitionId{3},
                           .error_code = ErrorCode::ineligible_replica,
                           .now = partition});
  check_response(altered);
  check_response(JoinResponse{.error_message = "m", .cluster_id = "c", .node_id = BrokerId{4}});
}

TEST_CASE("what only older versions of a request have is forwarded in newer words", "[controller]") {
  protocol::DeleteTopicsRequest deletion;
  deletion.topic_names = {"a", "b"};
  const auto deleted = decode_request(as_byte_view(encode(ControllerRequest{deletion})));
  REQUIRE(deleted);
  REQUIRE(std::get<protocol::DeleteTopicsRequest>(deleted->body).topics.size() == 2);
  CHECK(std::get<protocol::DeleteTopicsRequest>(deleted->body).topics[1].name == "b");

  protocol::UpdateFeaturesRequest update;
  auto& feature = update.feature_updates.emplace_back();
  feature.feature = "group.version";
  feature.allow_downgrade = true;
  const auto updated = decode_request(as_byte_view(encode(ControllerRequest{update})));
  REQUIRE(updated);
  CHECK(std::get<protocol::UpdateFeaturesRequest>(updated->body).feature_updates[0].upgrade_type == 2);

  protocol::UpdateFeaturesResponse response;
  response.results.emplace_back().feature = "group.version";
  check_response(response);
}

TEST_CASE("bytes that are no request are refused, whatever they are", "[controller]") {
  CHECK_FALSE(decode_request({}));
  CHECK_FALSE(decode_response({}));
  std::mt19937 random{1};
  for (const auto& sample : samples()) {
    for (std::size_t end = 0; end < sample.size(); ++end) {
      decode_request(as_byte_view(sample).first(end));
      decode_response(as_byte_view(sample).first(end));
    }
    for (int i = 0; i < 200; ++i) {
      auto bytes = sample;
      for (std::uint32_t changes = 1 + random() % 4; changes > 0 && !bytes.empty(); --changes) {
        bytes[random() % bytes.size()] = static_cast<char>(random());
      }
      decode_request(as_byte_view(bytes));
      decode_response(as_byte_view(bytes));
      broker::controller::decode(as_byte_view(bytes));
    }
  }
}

TEST_CASE("a refusal says of every item that it failed", "[controller]") {
  protocol::CreateTopicsRequest creation;
  creation.topics.resize(2);
  creation.topics[1].name = "b";
  const auto refused = refuse({.body = creation}, ErrorCode::not_controller, "no");
  const auto& topics = std::get<protocol::CreateTopicsResponse>(refused.body).topics;
  REQUIRE(topics.size() == 2);
  CHECK(topics[1].name == "b");
  CHECK(topics[1].error_code == ErrorCode::not_controller);
  CHECK(topics[1].error_message == "no");
  CHECK(refused.version == kNoOffset);

  const auto requests = one_of_each<decltype(ControllerRequest::body)>();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CHECK(refuse({.body = requests[i]}, ErrorCode::request_timed_out, "late").body.index() == i);
  }
  const auto alter = refuse({.body = AlterPartitionRequest{}}, ErrorCode::request_timed_out, "late");
  CHECK(std::get<AlterPartitionResponse>(alter.body).error_code == ErrorCode::request_timed_out);
}

}  // namespace sluice
