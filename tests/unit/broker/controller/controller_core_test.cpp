#include "broker/controller/controller_core.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <ctime>

#include "tests/support/fake_cluster_state.hpp"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using broker::controller::Answer;
using broker::controller::ClusterState;
using broker::controller::ControllerCore;
using broker::controller::ControllerResponse;
using broker::controller::HeartbeatRequest;
using broker::controller::HeartbeatResponse;
using broker::controller::RegisterBrokerRequest;
using broker::controller::RegisterBrokerResponse;
using protocol::CreateTopicsRequest;
using protocol::CreateTopicsResponse;
using protocol::ErrorCode;
namespace raft = broker::raft;

CreateTopicsRequest creation_of(const std::string& name, std::int32_t partitions = 1, std::int16_t replicas = 1) {
  CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = partitions;
  topic.replication_factor = replicas;
  return request;
}

/// A controller whose log is committed when the test says so.
struct Harness {
  test::FakeCluster cluster{0};  // what is committed
  std::vector<std::string> proposed;
  std::int64_t next_index = 10;
  std::int64_t next_commit = 10;
  bool leads = true;
  raft::Now now{Timestamp{0}, 1s};
  ControllerCore core;

  explicit Harness(ControllerCore::Options options = {})
      : core(std::move(options), [this](std::string command) -> std::optional<Offset> {
          if (!leads) return std::nullopt;
          proposed.push_back(std::move(command));
          return Offset{next_index++};
        }) {
    cluster.apply(cluster.state.settle_defaults());
    core.lead(cluster.state, now);
  }
  void commit_all() {
    for (; next_commit < next_index; ++next_commit) {
      const auto& command = proposed[static_cast<std::size_t>(next_commit - 10)];
      cluster.state.replay(*broker::controller::decode(as_byte_view(command)), Offset{next_commit});
      core.on_committed(Offset{next_commit}, now);
    }
  }
  template <class Request>
  std::shared_ptr<std::optional<ControllerResponse>> ask(Request request) {
    auto answer = std::make_shared<std::optional<ControllerResponse>>();
    core.submit(
        {.body = std::move(request)},
        [answer](ControllerResponse response) {
          REQUIRE_FALSE(answer->has_value());
          *answer = std::move(response);
        },
        now);
    return answer;
  }
  template <class Request>
  auto get(Request request) {
    auto answer = ask(std::move(request));
    commit_all();
    REQUIRE(answer->has_value());
    return std::get<broker::controller::ResponseOf<Request>>((*answer)->body);
  }
  RegisterBrokerResponse start(std::int32_t id, bool clean = true) {
    RegisterBrokerRequest request{.broker = test::broker_image(id)};
    request.broker.was_shut_down_cleanly = clean;
    request.broker.incarnation = incarnations();
    return get(request);
  }
  HeartbeatResponse heartbeat(std::int32_t id) {
    return get(HeartbeatRequest{
        .id = BrokerId{id}, .epoch = cluster.broker(id).epoch, .metadata_offset = cluster.state.image().version()});
  }
  void pass(std::chrono::milliseconds time) {
    now.steady += time;
    core.tick(now);
    commit_all();
  }
  std::function<Uuid()> incarnations = test::counting_uuids();
};

}  // namespace

TEST_CASE("an answer comes when what was decided is committed, with the version that shows it", "[controller]") {
  Harness it;
  CHECK(it.start(1).epoch == broker::controller::BrokerEpoch{10});
  CHECK_FALSE(it.heartbeat(1).fenced);
  auto created = it.ask(creation_of("a"));
  auto refused = it.ask(creation_of("a"));  // because of what is not committed yet
  CHECK_FALSE(created->has_value());
  CHECK_FALSE(refused->has_value());
  it.commit_all();
  REQUIRE(created->has_value());
  CHECK((*created)->version == it.cluster.state.image().version());
  CHECK(std::get<CreateTopicsResponse>((*created)->body).topics[0].error_code == ErrorCode::none);
  CHECK((*refused)->version == kNoOffset);
  CHECK(std::get<CreateTopicsResponse>((*refused)->body).topics[0].error_code == ErrorCode::topic_already_exists);
  // With nothing under way a refusal is an answer at once.
  CHECK(it.ask(creation_of("a"))->has_value());
}

TEST_CASE("who resigns answers what waits, and what comes, with NOT_CONTROLLER", "[controller]") {
  Harness it;
  it.start(1);
  it.heartbeat(1);
  const auto code = [](const std::shared_ptr<std::optional<ControllerResponse>>& answer) {
    return std::get<CreateTopicsResponse>(answer->value().body).topics.at(0).error_code;
  };
  SECTION("told so") {
    auto waits = it.ask(creation_of("a"));
    it.core.resign();
    CHECK(code(waits) == ErrorCode::not_controller);
  }
  SECTION("found out when it proposes") {
    auto waits = it.ask(creation_of("a"));
    it.leads = false;
    CHECK(code(it.ask(creation_of("b"))) == ErrorCode::not_controller);
    CHECK(code(waits) == ErrorCode::not_controller);
  }
  CHECK_FALSE(it.core.is_active());
  CHECK(code(it.ask(creation_of("c"))) == ErrorCode::not_controller);
  CHECK(it.core.next_deadline() == raft::Instant::max());
}

TEST_CASE("silence fences a broker after its session, and the end of its process at once", "[controller]") {
  Harness it;
  for (const auto id : {1, 2}) {
    it.start(id);
    it.heartbeat(id);
  }
  it.get(creation_of("t", 4, 2));
  it.pass(8s);
  it.heartbeat(2);
  it.pass(2s);
  CHECK(it.cluster.broker(1).fenced);
  CHECK_FALSE(it.cluster.broker(2).fenced);
  for (int number = 0; number < 4; ++number) CHECK(it.cluster.partition("t", number).leader == BrokerId{2});

  it.heartbeat(1);
  CHECK_FALSE(it.cluster.broker(1).fenced);
  it.core.on_broker_gone(BrokerId{2}, it.now);
  it.commit_all();
  CHECK(it.cluster.broker(2).fenced);
}

TEST_CASE("a new controller gives every broker a whole session", "[controller]") {
  Harness it;
  it.start(1);
  it.heartbeat(1);
  it.pass(8s);
  it.core.resign();
  it.core.lead(it.cluster.state, it.now);
  it.pass(8s);
  CHECK_FALSE(it.cluster.broker(1).fenced);
  CHECK(it.core.next_deadline() == it.now.steady + 1s);
  it.pass(1s);
  CHECK(it.cluster.broker(1).fenced);
}

TEST_CASE("a new controller completes what the one before left half done", "[controller]") {
  Harness it;
  for (const auto id : {1, 2}) {
    it.start(id);
    it.heartbeat(id);
  }
  it.get(creation_of("t", 4, 2));
  // The first command of a fencing, and no more.
  auto fencing = it.cluster.state.fence(BrokerId{1});
  REQUIRE(fencing.size() == 5);
  it.core.resign();
  it.cluster.state.replay(std::span{fencing}.first(2), Offset{it.next_index++});
  it.proposed.emplace_back();
  it.next_commit = it.next_index;
  it.core.lead(it.cluster.state, it.now);
  it.commit_all();
  for (int number = 0; number < 4; ++number) CHECK(it.cluster.partition("t", number).isr == test::ids({2}));
}

TEST_CASE("leaders move back, and internal topics grow, by themselves", "[controller]") {
  Harness it;
  it.start(1);
  it.heartbeat(1);
  it.get(creation_of("__consumer_offsets", 2, -1));
  for (const auto id : {2, 3}) {
    it.start(id);
    it.heartbeat(id);
  }
  it.pass(1s);
  CHECK(it.cluster.partition("__consumer_offsets").adding.size() == 2);
  CHECK(it.core.next_deadline() > it.now.steady);
  for (int number = 0; number < 2; ++number) {
    std::vector<std::int32_t> all;
    for (const auto id : it.cluster.partition("__consumer_offsets", number).replicas) all.push_back(id.value());
    it.get(it.cluster.ask_for_isr("__consumer_offsets", all, number));
  }
  it.pass(1s);
  CHECK(it.cluster.partition("__consumer_offsets").adding.empty());
  for (int i = 0; i < 80; ++i) {
    for (const auto id : {1, 2, 3}) it.heartbeat(id);
    it.pass(4s);
  }
  for (int number = 0; number < 2; ++number) {
    const auto& partition = it.cluster.partition("__consumer_offsets", number);
    CHECK(partition.leader == partition.replicas.front());
  }
  const auto idle = it.proposed.size();
  it.pass(1s);
  CHECK(it.proposed.size() == idle);
}

TEST_CASE("the first controller of a cluster founds it", "[controller]") {
  std::vector<std::string> proposed;
  ControllerCore core{{.new_cluster_id = "fresh"}, [&](std::string command) {
                        proposed.push_back(std::move(command));
                        return std::optional{Offset{static_cast<std::int64_t>(proposed.size())}};
                      }};
  const test::FakeCluster some;
  core.lead(ClusterState{some.config, test::counting_uuids()}, {});
  REQUIRE(proposed.size() == 2);
  CHECK(core.state()->image().cluster_id() == "fresh");
  CHECK(core.state()->image().feature_level("eligible.leader.replicas.version") == 1);
  CHECK(core.state()->image().broker_configs(kNoBroker) ==
        broker::controller::ConfigMap{{"min.insync.replicas", "1"}, {"sluice.durability", "fsync"}});
}

TEST_CASE("a controller that was started with other settings goes by those of the cluster", "[controller]") {
  const auto started_with = [](const char* min_in_sync) {
    return std::make_shared<const broker::config::BrokerConfig>(
        broker::config::BrokerConfig::StaticValues{{"min.insync.replicas", {min_in_sync, "test"}}});
  };
  test::FakeCluster cluster{3};
  cluster.apply(cluster.state.settle_defaults());
  cluster.create("t", 1, 3);
  ClusterState other{started_with("3"), test::counting_uuids()};
  other.reset(cluster.state.to_records(), cluster.state.image().version());
  CHECK(other.settle_defaults().empty());
  other.replay(other.fence(BrokerId{3}), Offset{100});
  // Its leader acknowledges with one.
  CHECK(other.image().find_partition("t", PartitionId{0})->isr.size() == 2);
  CHECK(other.image().find_partition("t", PartitionId{0})->elr.empty());
}

TEST_CASE("who was eligible by one node's settings is not by those that come to be the cluster's", "[controller]") {
  test::FakeCluster cluster{3, {{"min.insync.replicas", {"3", "test"}}}};
  cluster.create("t", 1, 3);
  cluster.fence(3);
  REQUIRE(cluster.partition("t").elr == test::ids({3}));
  cluster.apply(cluster.state.settle_defaults());
  CHECK(cluster.partition("t").elr.empty());
  CHECK(cluster.state.image().broker_configs(kNoBroker).at("min.insync.replicas") == "3");
}

TEST_CASE("an answer about an ISR says which image has the settings that it was decided with", "[controller]") {
  Harness controller;
  for (const auto id : {1, 2, 3}) {
    controller.start(id);
    controller.heartbeat(id);
  }
  controller.get(creation_of("t", 1, 3));
  const auto request = controller.cluster.ask_for_isr("t", {1, 2, 3});  // as it is: nothing changes
  protocol::IncrementalAlterConfigsRequest raise;
  auto& resource = raise.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = "t";
  resource.configs.emplace_back().name = "min.insync.replicas";
  resource.configs.back().value = "2";
  const auto raised = controller.ask(raise);
  const auto asked = controller.ask(request);
  controller.commit_all();
  REQUIRE(asked->has_value());
  CHECK((*asked)->version == (*raised)->version);
}

TEST_CASE("a decision about ten thousand partitions costs milliseconds", "[controller]") {
  Harness it;
  for (const auto id : {1, 2, 3}) {
    it.start(id);
    it.heartbeat(id);
  }
  const auto timed = [](auto&& what) {  // of the processor: the machine may be busy with something else
    const auto start = std::clock();
    what();
    return std::chrono::milliseconds{(std::clock() - start) * 1000 / CLOCKS_PER_SEC};
  };
  const auto creation = timed([&] {
    for (int i = 0; i < 1000; ++i) it.get(creation_of("t" + std::to_string(i), 10, 3));
  });
  const auto commands = it.proposed.size();
  const auto fencing = timed([&] { it.core.on_broker_gone(BrokerId{1}, it.now); });
  CHECK(it.proposed.size() == commands + 5);
  const auto applying = timed([&] { it.commit_all(); });
  const auto publishing = timed([&] { it.cluster.state.take_change(); });
  const auto leading = timed([&] { it.core.lead(it.cluster.state, it.now); });
  INFO("creation " << creation.count() << " ms, fencing " << fencing.count() << " ms, applying " << applying.count()
                   << " ms, publishing " << publishing.count() << " ms, leading " << leading.count() << " ms");
  // Far above what it takes, for builds that check every access; quadratic costs would be far above these.
  CHECK(creation < 10s);
  CHECK(fencing < 3s);
  CHECK(applying < 3s);
  CHECK(leading < 3s);
  if (std::getenv("SLUICE_SHOW_TIMES") != nullptr) {
    WARN("creation " << creation.count() << " ms, fencing " << fencing.count() << " ms, applying " << applying.count()
                     << " ms, publishing " << publishing.count() << " ms, leading " << leading.count() << " ms");
  }
}

}  // namespace sluice
