#include "broker/replication/fetcher_manager.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>

#include "broker/peer/address_book.hpp"
#include "broker/replication/log_syncer.hpp"
#include "broker/replication/partition_table.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/partition_harness.hpp"

namespace sluice::broker::replication {
namespace {

using boost::asio::ip::tcp;
using test::kSomeTime;

constexpr BrokerId kSelf{1};
constexpr BrokerId kLeader{2};

/// Broker 1, which follows broker 2: a socket that is connected to and says nothing.
struct Follower {
  Follower() {
    acceptor.non_blocking(true);
    settings.node_id = kSelf;
    logs = storage::LogManager::open(fs, {"/data"}, {.cluster_id = "c", .node_id = kSelf}).value();
    const auto none = [](const TopicPartition&) { return std::optional<storage::LogOptions>{}; };
    const auto in_order = [](const std::vector<std::function<void()>>& jobs) {
      for (const auto& job : jobs) job();
    };
    REQUIRE(logs->load_all(none, kSomeTime, in_order).has_value());
    table.emplace(*logs, syncer, events, config, settings);
    controller::MetadataImage image;
    image.set_broker({.id = kLeader, .endpoints = {{"PLAINTEXT", "127.0.0.1", acceptor.local_endpoint().port(), ""}}});
    addresses.apply(image);
    fetchers.emplace(settings, *table, addresses);
    fetchers->set_broker_epoch(controller::BrokerEpoch{1});
  }
  void apply(const controller::ConfigMap& configs) {
    auto image = std::make_shared<controller::TopicImage>(
        controller::TopicImage{.name = "t", .id = id, .internal = false, .partitions = {}, .configs = configs});
    image->partitions.push_back({.replicas = {kLeader, kSelf}, .isr = {kLeader}, .leader = kLeader});
    controller::MetadataDelta delta;
    delta.topics.push_back({std::exchange(now, image), image});
    table->apply(delta, kSomeTime);
    fetchers->apply(delta);
  }
  std::shared_ptr<Partition> partition() const { return table->find("t", PartitionId{0}); }
  bool was_connected_to() {
    boost::system::error_code error;
    auto socket = acceptor.accept(error);
    if (error) return false;
    sockets.push_back(std::move(socket));
    return true;
  }

  boost::asio::io_context context;
  tcp::acceptor acceptor{context, tcp::endpoint{boost::asio::ip::address_v4::loopback(), 0}};
  std::vector<tcp::socket> sockets;
  storage::MemoryFileSystem fs{std::uint64_t{16} << 20};
  test::NoReplicaEvents events;
  metrics::BrokerMetrics metrics{{}, {}, "test"};
  LogSyncer syncer{1, metrics};
  config::BrokerConfig config;
  config::BrokerSettings settings;
  peer::AddressBook addresses{"PLAINTEXT"};
  std::unique_ptr<storage::LogManager> logs;
  std::optional<PartitionTable> table;
  std::optional<FetcherManager> fetchers;
  Uuid id = Uuid::random();
  std::shared_ptr<const controller::TopicImage> now;
};

}  // namespace

TEST_CASE("a replica is fetched once its log can be made, though nobody was elected since", "[fetcher]") {
  Follower it;
  it.fs.inject({.operation = storage::Operation::create_directories, .path_contains = "t-0", .error = ENOSPC});
  it.apply({});
  REQUIRE(it.partition() == nullptr);
  CHECK_FALSE(it.was_connected_to());
  it.fs.clear_faults();
  it.apply({{"retention.ms", "1"}});
  REQUIRE(it.partition() != nullptr);
  CHECK(test::eventually([&] { return it.was_connected_to(); }));
}

}  // namespace sluice::broker::replication
