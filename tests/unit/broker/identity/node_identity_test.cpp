#include "broker/identity/node_identity.hpp"

#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <thread>

#include "broker/controller/controller_codec.hpp"
#include "broker/identity/identify_listener.hpp"
#include "broker/identity/quorum_file.hpp"
#include "storage/checkpoint/meta_properties.hpp"
#include "storage/errc.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/support/result_printer.hpp"
#include "tests/unit/broker/peer/scripted_server.hpp"

using namespace sluice;
using namespace sluice::broker;
using namespace sluice::broker::identity;
using namespace sluice::test;

namespace {

config::BrokerSettings settings_of(int node, std::uint16_t port = 0) {
  config::BrokerSettings settings;
  settings.node_id = BrokerId{node};
  settings.log_dirs = {"/data"};
  settings.inter_broker_listener_name = "PLAINTEXT";
  settings.listeners = {{.name = "PLAINTEXT", .host = "127.0.0.1", .port = 0}};
  settings.advertised_listeners = {{"PLAINTEXT", {"127.0.0.1", 0}}};
  settings.cluster.controller_listeners = {{.name = "CONTROLLER", .host = "127.0.0.1", .port = port}};
  settings.cluster.advertised_controller_listeners = {{"CONTROLLER", {"127.0.0.1", port}}};
  settings.cluster.node_id_is_given = true;
  return settings;
}

void write_meta(storage::FileSystem& fs, const std::string& cluster_id, int node) {
  REQUIRE(fs.create_directories("/data"));
  REQUIRE(storage::write_meta_properties(
      fs, "/data/meta.properties",
      {.cluster_id = cluster_id, .node_id = BrokerId{node}, .directory_id = Uuid::random()}));
}

/// Ports that were free a moment ago.
std::vector<std::uint16_t> free_ports(int count) {
  std::vector<ScriptedServer> servers(static_cast<std::size_t>(count));
  std::vector<std::uint16_t> ports;
  for (const auto& server : servers) ports.push_back(server.port());
  return ports;
}

/// Decides for several nodes at once, each with a disk of its own. Whoever has decided says so to others from then on,
/// on the same listener, as the broker that it becomes would.
std::vector<NodeIdentity> decide_all(const std::vector<config::BrokerSettings>& nodes,
                                     std::vector<storage::MemoryFileSystem>& disks) {
  IoThread thread{0};
  thread.start();
  std::vector<std::unique_ptr<IdentifyListener>> listeners(nodes.size());
  std::vector<NodeIdentity> identities(nodes.size());
  std::vector<std::thread> under_way;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    under_way.emplace_back([&, i] {
      identities[i] = decide_identity(disks[i], nodes[i]).value();
      listeners[i] = IdentifyListener::open(thread, nodes[i].cluster.controller_listeners, [&, i] {
                       peer::NodeDescription description{.node_id = nodes[i].node_id};
                       for (const auto& voter : identities[i].bootstrap.voters()) {
                         description.voters.push_back({.replica = voter, .address = {}});
                       }
                       return description;
                     }).value();
    });
  }
  for (auto& one : under_way) one.join();
  listeners.clear();
  thread.stop();
  return identities;
}

raft::Configuration three_voters() {
  return raft::Configuration{{{BrokerId{1}, {}}, {BrokerId{2}, {}}, {BrokerId{3}, {}}}};
}

}  // namespace

TEST_CASE("a node alone is its own cluster, and stays it", "[identity]") {
  storage::MemoryFileSystem fs;
  const auto first = decide_identity(fs, settings_of(1)).value();
  CHECK_FALSE(first.cluster_id.empty());
  CHECK(first.bootstrap == raft::Configuration{{{BrokerId{1}, {}}}});
  CHECK(first.quorum.empty());
  write_meta(fs, first.cluster_id, 1);
  const auto again = decide_identity(fs, settings_of(1)).value();
  CHECK(again.cluster_id == first.cluster_id);
  CHECK(again.bootstrap == first.bootstrap);
}

TEST_CASE("a disk of another node is refused", "[identity]") {
  storage::MemoryFileSystem fs;
  write_meta(fs, "c", 2);
  CHECK(decide_identity(fs, settings_of(1)).error() == storage::Errc::wrong_directory);
  auto not_given = settings_of(1);
  not_given.cluster.node_id_is_given = false;
  CHECK(decide_identity(fs, not_given).value().node_id == BrokerId{2});
}

TEST_CASE("a node that once joined others is never alone again", "[identity]") {
  storage::MemoryFileSystem fs;
  write_meta(fs, "c", 4);
  ScriptedServer gone;
  const auto address = gone.address();
  gone.stop_listening();
  REQUIRE(write_quorum_file(fs, "/data", {{BrokerId{1}, address}}));
  // Without a metadata log it may have forgotten what it promised: it asks until somebody knows.
  CHECK(decide_identity(fs, settings_of(4), [] { return true; }).error() == std::errc::operation_canceled);
  REQUIRE(fs.create_directories("/data/__cluster_metadata-0"));
  REQUIRE(storage::write_file_atomically(fs, "/data/__cluster_metadata-0/quorum-state", "votes"));
  const auto identity = decide_identity(fs, settings_of(4)).value();
  CHECK(identity.bootstrap.is_empty());
  CHECK(identity.quorum == std::vector<std::pair<BrokerId, peer::PeerAddress>>{{BrokerId{1}, address}});
}

TEST_CASE("static voters find each other and begin with all of them", "[identity]") {
  const auto ports = free_ports(3);
  std::vector<config::BrokerSettings> nodes;
  for (int node = 1; node <= 3; ++node) {
    auto& settings = nodes.emplace_back(settings_of(node, ports[static_cast<std::size_t>(node - 1)]));
    for (int id = 1; id <= 3; ++id) {
      settings.cluster.voters.push_back({BrokerId{id}, {"127.0.0.1", ports[static_cast<std::size_t>(id - 1)]}});
    }
  }
  std::vector<storage::MemoryFileSystem> disks(3);
  for (const auto& identity : decide_all(nodes, disks)) {
    CHECK(identity.bootstrap == three_voters());
    CHECK(identity.cluster_id.empty());
    CHECK(identity.quorum.size() == 2);
  }
}

TEST_CASE("bootstrap servers that are all new find each other and agree", "[identity]") {
  const auto ports = free_ports(3);
  std::vector<config::BrokerSettings> nodes;
  for (int node = 1; node <= 3; ++node) {
    auto& settings = nodes.emplace_back(settings_of(node, ports[static_cast<std::size_t>(node - 1)]));
    for (const auto port : ports) settings.cluster.bootstrap_servers.push_back({"127.0.0.1", port});
  }
  std::vector<storage::MemoryFileSystem> disks(3);
  for (const auto& identity : decide_all(nodes, disks)) {
    CHECK(identity.bootstrap == three_voters());
    CHECK_FALSE(identity.quorum.empty());  // who is last may find one alone still asking: the frames tell the rest
  }
  CHECK_FALSE(read_quorum_file(disks[0], "/data").empty());
}

TEST_CASE("waiting for others ends when it is told to", "[identity]") {
  const auto ports = free_ports(2);
  auto settings = settings_of(1, ports[0]);
  for (const auto port : ports) settings.cluster.bootstrap_servers.push_back({"127.0.0.1", port});
  storage::MemoryFileSystem fs;
  CHECK(decide_identity(fs, settings, [] { return true; }).error() == std::errc::operation_canceled);
}

TEST_CASE("a node that joins is told its cluster and its id", "[identity]") {
  ScriptedServer server;
  auto settings = settings_of(1);
  settings.cluster.node_id_is_given = false;
  settings.cluster.join = {{"127.0.0.1", server.port()}};
  storage::MemoryFileSystem fs;
  auto under_way = std::async(std::launch::async, [&] { return decide_identity(fs, settings); });
  const auto socket = server.accept();
  const auto asked = read_request(socket);
  REQUIRE(asked);
  const auto call = std::get<peer::ControllerCall>(peer::decode_call_request(as_byte_view(asked->body)).value());
  CHECK(call.may_be_passed_on);
  const auto request = controller::decode_request(as_byte_view(call.request)).value();
  CHECK(std::get<controller::JoinRequest>(request.body).node_id == kNoBroker);
  const controller::JoinResponse joined{.cluster_id = "c", .node_id = BrokerId{4}};
  const auto answer = controller::encode(controller::ControllerResponse{.body = joined});
  REQUIRE(socket.write(response_frame(asked->id, peer::encode(peer::CallResponse{peer::ControllerAnswer{answer}}))));
  const auto who = read_request(socket);
  REQUIRE(who);
  const peer::NodeDescription description{.cluster_id = "c", .node_id = BrokerId{1}};
  REQUIRE(socket.write(response_frame(who->id, peer::encode(peer::CallResponse{description}))));
  const auto identity = under_way.get().value();
  CHECK(identity.cluster_id == "c");
  CHECK(identity.node_id == BrokerId{4});
  CHECK(identity.bootstrap.is_empty());
  CHECK(identity.quorum == std::vector<std::pair<BrokerId, peer::PeerAddress>>{{BrokerId{1}, server.address()}});
}

TEST_CASE("a quorum file keeps what fits, and damage in it is no harm", "[identity]") {
  storage::MemoryFileSystem fs;
  REQUIRE(fs.create_directories("/data"));
  const QuorumAddresses addresses{{BrokerId{1}, {"h", 1}}, {BrokerId{7}, {"::1", 65535}}};
  REQUIRE(write_quorum_file(fs, "/data", addresses));
  CHECK(read_quorum_file(fs, "/data") == addresses);
  for (const auto* odd : {"", "x", "1", "1 2", "-1 2 h", "1 0 h", "1 99999 h", "99999999999 1 h"}) {
    REQUIRE(storage::write_file_atomically(fs, "/data/sluice-quorum", odd));
    CHECK(read_quorum_file(fs, "/data").empty());
  }
}
