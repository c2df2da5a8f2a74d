#pragma once

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <optional>

#include "broker/controller/forwarding_controller_driver.hpp"
#include "broker/controller/image_publisher_driver.hpp"
#include "broker/controller/metadata_driver.hpp"
#include "broker/peer/address_book.hpp"
#include "broker/peer/cluster_client.hpp"
#include "broker/raft/raft_driver.hpp"
#include "broker/wall_clock.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/fake_cluster_state.hpp"

namespace sluice::test {

/// A node that is a quorum by itself, from its log in memory to its controller. Without sockets.
struct SoleQuorum {
  using Controller = broker::controller::ForwardingController;

  struct NoTransport final : broker::raft::Transport {
    void send(std::vector<broker::raft::Message>) override {}
  };

  explicit SoleQuorum(storage::FileSystem& files) : fs(files) { thread.start(); }
  ~SoleQuorum() { stop(); }

  void start() {
    namespace raft = broker::raft;
    const raft::ReplicaKey self{.node = BrokerId{1}, .directory = directory_of(1)};
    raft::RaftDriver::Options options;
    options.directory = "/data/__cluster_metadata-0";
    options.self = self;
    options.bootstrap = raft::Configuration{{self}};
    options.wall_clock = broker::wall_clock_now;
    auto opened = raft::RaftDriver::open(fs, std::move(options), transport, metadata);
    REQUIRE(opened.has_value());
    driver = std::move(*opened);
    controller = std::make_unique<Controller>(Controller::Parts{.self = BrokerId{1},
                                                                .request_timeout = timeout,
                                                                .heartbeat_timeout = timeout,
                                                                .local = metadata,
                                                                .publisher = publisher,
                                                                .client = client,
                                                                .thread = thread});
    metadata.attach(*driver);
    driver->start();
  }
  void stop() {
    if (driver) driver->stop();
    if (controller) controller->stop();
    publisher.finish();
    client.stop();
    thread.stop();
  }

  /// What the controller answers; nullopt: nothing in time.
  template <class Request>
  std::optional<broker::controller::ResponseOf<Request>> ask(Request request) {
    const auto answer = std::make_shared<std::promise<broker::controller::ResponseOf<Request>>>();
    auto answered = answer->get_future();
    broker::controller::call(*controller, std::move(request),
                             [answer](auto response) { answer->set_value(std::move(response)); });
    if (answered.wait_for(std::chrono::seconds{10}) != std::future_status::ready) return std::nullopt;
    return answered.get();
  }
  /// A broker that is there, and active.
  void register_broker() {
    broker::controller::RegisterBrokerRequest registration;
    registration.broker = broker_image(1);
    const auto registered = ask(registration);
    REQUIRE(registered.has_value());
    REQUIRE(registered->error_code == protocol::ErrorCode::none);
    broker::controller::HeartbeatRequest beat{.id = BrokerId{1}, .epoch = registered->epoch};
    beat.metadata_offset = Offset{registered->epoch.value()};
    const auto answer = ask(beat);
    REQUIRE(answer.has_value());
    REQUIRE_FALSE(answer->fenced);
  }
  protocol::CreateTopicsRequest creation_of(const std::string& name) const {
    protocol::CreateTopicsRequest request;
    request.timeout_ms = static_cast<std::int32_t>(timeout.count());
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    return request;
  }

  storage::FileSystem& fs;
  std::chrono::milliseconds timeout{5000};
  NoTransport transport;
  broker::IoThread thread{0};
  broker::peer::AddressBook addresses{"PLAINTEXT"};
  broker::peer::ClusterClient client{thread, &addresses, "test"};
  broker::controller::ImagePublisher publisher;
  std::atomic<int> leader_changes{0};
  broker::controller::MetadataDriver metadata{
      {.core = {.new_cluster_id = "test-cluster"},
       .quorum = {.self = BrokerId{1}, .listener_name = "CONTROLLER"},
       .config = std::make_shared<const broker::config::BrokerConfig>(broker::config::BrokerConfig::StaticValues{})},
      publisher,
      addresses,
      {.on_leader_change = [this] {
        ++leader_changes;
        controller->on_leader_change();
      }}};
  std::unique_ptr<broker::raft::RaftDriver> driver;
  std::unique_ptr<Controller> controller;
};

}  // namespace sluice::test
