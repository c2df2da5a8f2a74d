#include "tests/integration/test_cluster.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "broker/config/load.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/describe_quorum.hpp"
#include "tests/support/eventually.hpp"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;

/// One that nobody listens on now. Held open until all are chosen, so that they differ.
class FreePort {
 public:
  FreePort() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    number_ = ntohs(address.sin_port);
  }
  ~FreePort() { ::close(socket_); }
  FreePort(const FreePort&) = delete;
  FreePort& operator=(const FreePort&) = delete;
  std::uint16_t number() const { return number_; }

 private:
  int socket_;
  std::uint16_t number_ = 0;
};

}  // namespace

TestCluster::TestCluster(int nodes, Settings more) : more_(std::move(more)) {
  std::vector<std::unique_ptr<FreePort>> ports;
  for (int id = 1; id <= nodes; ++id) {
    ports.push_back(std::make_unique<FreePort>());
    nodes_[id].quorum_port = ports.back()->number();
  }
  ports.clear();
  start_all();
}

TestCluster::~TestCluster() {
  for (auto& [id, node] : nodes_) {
    if (node.broker) node.broker->interrupt();
    if (node.starting) node.starting->join();
  }
  for (auto& [id, node] : nodes_) {
    if (node.broker) node.broker->stop_abruptly();
  }
}

void TestCluster::start_all() {
  for (auto& [id, node] : nodes_) begin_start(id);
  for (auto& [id, node] : nodes_) wait_started(id);
  // A node serves when it is unfenced itself; that the others are, it hears a moment later.
  REQUIRE(eventually([&] { return metadata().brokers.size() == nodes_.size(); }));
}

void TestCluster::begin_start(int id) {
  auto& node = nodes_.at(id);
  std::string voters;
  for (const auto& [voter, of] : nodes_) {
    voters += (voters.empty() ? "" : ",") + std::to_string(voter) + "@127.0.0.1:" + std::to_string(of.quorum_port);
  }
  Settings own{"node.id=" + std::to_string(id),
               "process.roles=broker,controller",
               "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:" + std::to_string(node.quorum_port),
               "advertised.listeners=PLAINTEXT://127.0.0.1:0",
               "controller.listener.names=CONTROLLER",
               "inter.broker.listener.name=PLAINTEXT",
               "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
               "controller.quorum.voters=" + voters};
  own.insert(own.end(), more_.begin(), more_.end());
  broker::config::LoadOptions options;
  options.assignments = settings_for(directory_.path("node-" + std::to_string(id)), own);
  options.cores = 2;
  options.data_home = directory_.path();
  auto loaded = broker::config::load(options);
  for (const auto& error : loaded.errors) FAIL_CHECK(error.line);
  REQUIRE(loaded.errors.empty());
  node.broker = std::make_unique<broker::Broker>(std::move(loaded), *node.files);
  node.started = false;
  node.starting = std::make_unique<std::thread>([&node] { node.started = node.broker->start(); });
}

void TestCluster::wait_started(int id) {
  auto& node = nodes_.at(id);
  node.starting->join();
  node.starting.reset();
  CAPTURE(id);
  REQUIRE(node.started);
}

void TestCluster::stop(int id) { nodes_.at(id).broker.reset(); }

void TestCluster::kill(int id) {
  nodes_.at(id).broker->stop_abruptly();
  nodes_.at(id).broker.reset();
}

client::WireConnection TestCluster::connect(int node) const {
  auto connection = client::WireConnection::open("127.0.0.1", port(node), 20s);
  REQUIRE(connection.has_value());
  return std::move(*connection);
}

int TestCluster::any_running() const {
  for (const auto& [id, node] : nodes_) {
    if (node.broker && node.started) return id;
  }
  FAIL("no node is running");
  return 0;
}

protocol::MetadataResponse TestCluster::metadata(const std::vector<std::string>& topics) const {
  protocol::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  if (!topics.empty()) request.topics.emplace();
  for (const auto& topic : topics) request.topics->emplace_back().name = topic;
  auto connection = connect(any_running());
  return ask<protocol::Metadata>(connection, request);
}

std::optional<protocol::MetadataResponse::MetadataResponsePartition> TestCluster::partition(const std::string& topic,
                                                                                            std::int32_t number) const {
  const auto answer = metadata({topic});
  for (const auto& partition : answer.topics.at(0).partitions) {
    if (partition.partition_index == PartitionId{number}) return partition;
  }
  return std::nullopt;
}

int TestCluster::leader_of(const std::string& topic, std::int32_t number) const {
  int leader = 0;
  const bool found = eventually(
      [&] {
        const auto now = partition(topic, number);
        if (!now) return false;
        const auto node = nodes_.find(now->leader_id.value());
        leader = now->leader_id.value();
        return node != nodes_.end() && node->second.broker != nullptr;
      },
      30s);
  CAPTURE(topic, number);
  REQUIRE(found);
  return leader;
}

bool TestCluster::has_in_sync(const std::string& topic, std::size_t count, std::int32_t number) const {
  return eventually(
      [&] {
        const auto now = partition(topic, number);
        return now && now->isr_nodes.size() == count;
      },
      30s);
}

void TestCluster::create_topic(const std::string& name, std::int32_t partitions, std::int16_t replication_factor,
                               const TopicConfigs& configs) const {
  protocol::CreateTopicsRequest request;
  request.timeout_ms = 20'000;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = partitions;
  topic.replication_factor = replication_factor;
  for (const auto& [key, value] : configs) {
    auto& config = topic.configs.emplace_back();
    config.name = key;
    config.value = value;
  }
  auto connection = connect(any_running());
  const auto created = ask<protocol::CreateTopics>(connection, request).topics.at(0);
  CAPTURE(name, created.error_message.value_or(""));
  REQUIRE(number(created.error_code) == 0);
}

int TestCluster::controller() const {
  protocol::DescribeQuorumRequest request;
  auto& topic = request.topics.emplace_back();
  topic.topic_name = "__cluster_metadata";
  topic.partitions.emplace_back();
  auto connection = connect(any_running());
  const auto answer = ask<protocol::DescribeQuorum>(connection, request);
  REQUIRE(number(answer.error_code) == 0);
  return answer.topics.at(0).partitions.at(0).leader_id.value();
}

}  // namespace sluice::test
