#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "protocol/messages/metadata.hpp"
#include "tests/integration/records.hpp"
#include "tests/integration/test_cluster.hpp"
#include "tests/support/eventually.hpp"

namespace sluice {
namespace {

using test::TestCluster;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using protocol::ErrorCode;

/// Produces with acks=all to partition 0 of one topic, one record after the other, each until it is acknowledged; asks
/// any broker who leads, as clients do. Never fails: what it saw is looked at afterwards.
class SteadyProducer {
 public:
  SteadyProducer(std::string topic, std::vector<std::uint16_t> ports)
      : topic_(std::move(topic)), ports_(std::move(ports)), thread_([this] { run(); }) {}
  ~SteadyProducer() { stop(); }
  SteadyProducer(const SteadyProducer&) = delete;
  SteadyProducer& operator=(const SteadyProducer&) = delete;

  void stop() {
    stops_.store(true);
    if (thread_.joinable()) thread_.join();
  }
  int acknowledged() const { return acknowledged_.load(); }
  /// From the first attempt to the acknowledgement; once stopped.
  std::chrono::milliseconds longest_wait() const { return longest_wait_; }

 private:
  void run() {
    while (!stops_.load()) {
      const auto began = Clock::now();
      while (!try_once() && !stops_.load()) std::this_thread::sleep_for(5ms);
      const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
      longest_wait_ = std::max(longest_wait_, took);
      acknowledged_.fetch_add(1);
    }
  }

  bool try_once() {
    if (!leader_) leader_ = find_leader();
    if (!leader_) return false;
    auto records = test::batch({{"k", "v"}});
    const auto answer = leader_->call<protocol::Produce>(test::produce_request(topic_, records), test::kProduceByName);
    if (answer && answer->responses.at(0).partition_responses.at(0).error_code == ErrorCode::none) return true;
    leader_.reset();
    return false;
  }

  std::optional<client::WireConnection> find_leader() const {
    protocol::MetadataRequest request;
    request.topics.emplace().emplace_back().name = topic_;
    for (const auto port : ports_) {
      auto connection = client::WireConnection::open("127.0.0.1", port, 5s);
      if (!connection) continue;
      const auto answer = connection->call<protocol::Metadata>(request, protocol::Metadata::versions.max);
      if (!answer || answer->topics.at(0).partitions.empty()) continue;
      const auto leader = answer->topics.at(0).partitions.at(0).leader_id;
      const auto at = std::ranges::find(answer->brokers, leader, [](const auto& broker) { return broker.node_id; });
      if (at == answer->brokers.end()) continue;
      auto there = client::WireConnection::open("127.0.0.1", static_cast<std::uint16_t>(at->port), 5s);
      if (there) return std::move(*there);
    }
    return std::nullopt;
  }

  const std::string topic_;
  const std::vector<std::uint16_t> ports_;
  std::optional<client::WireConnection> leader_;
  std::chrono::milliseconds longest_wait_{0};
  std::atomic<int> acknowledged_{0};
  std::atomic<bool> stops_{false};
  std::thread thread_;  // after what it uses
};

}  // namespace

TEST_CASE("a broker that is stopped under load is gone at once, and who produces hardly notices", "[cluster]") {
  TestCluster cluster{3};
  constexpr int kTopics = 6;
  std::vector<std::uint16_t> ports;
  for (int node = 1; node <= 3; ++node) ports.push_back(cluster.port(node));
  std::vector<std::unique_ptr<SteadyProducer>> producers;
  for (int i = 0; i < kTopics; ++i) {
    const auto topic = "t" + std::to_string(i);
    cluster.create_topic(topic, 1, 3, {{"min.insync.replicas", "2"}});
    REQUIRE(cluster.has_in_sync(topic, 3));
    producers.push_back(std::make_unique<SteadyProducer>(topic, ports));
  }
  const auto go_on = [&] {
    for (const auto& producer : producers) {
      const auto before = producer->acknowledged();
      CHECK(test::eventually([&] { return producer->acknowledged() > before + 20; }, 20s));
    }
  };
  go_on();
  const bool stops_controller = GENERATE(true, false);
  const auto controller = cluster.controller();
  const auto stopped = stops_controller ? controller : controller % 3 + 1;
  const auto began = Clock::now();
  cluster.stop(stopped);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
  CHECK(took.count() < 2000);
  std::this_thread::sleep_for(700ms);  // what is only noticed when the one that left has been silent for a while
  go_on();
  for (const auto& producer : producers) {
    producer->stop();
    CHECK(producer->longest_wait().count() < 2000);
  }
}

}  // namespace sluice
