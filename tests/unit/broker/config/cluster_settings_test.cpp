#include "broker/config/cluster_settings.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "broker/config/load.hpp"
#include "tests/support/temp_directory.hpp"

using namespace sluice;
using namespace sluice::broker::config;

namespace {

LoadedConfig load_lines(std::string_view text, std::vector<std::string> join = {}) {
  const test::TempDirectory directory;
  const auto path = directory.path("server.properties");
  std::ofstream{path, std::ios::binary} << text;
  return load({.file = path, .assignments = {}, .join = std::move(join), .cores = 2, .data_home = "/data"});
}

ClusterSettings settings_of(std::string_view text, std::vector<std::string> join = {}) {
  auto loaded = load_lines(text, std::move(join));
  for (const auto& error : loaded.errors) FAIL_CHECK(error.line);
  return loaded.settings.cluster;
}

std::string error_of(std::string_view text, std::vector<std::string> join = {}) {
  const auto loaded = load_lines(text, std::move(join));
  REQUIRE(loaded.errors.size() == 1);
  return loaded.errors.front().line;
}

/// What Kafka's documentation has for a node that is both, of three.
constexpr std::string_view kCombined = R"(process.roles=broker,controller
node.id=2
controller.quorum.voters=1@one:9093,2@two:9093,3@three:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://two:9092,CONTROLLER://two:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
log.dirs=/tmp/data
)";

std::string changed(std::string_view text, std::string_view from, std::string_view to) {
  std::string out{text};
  const auto at = out.find(from);
  REQUIRE(at != std::string::npos);
  out.replace(at, from.size(), to);
  return out;
}

}  // namespace

TEST_CASE("a Kafka file for one of three combined nodes is taken as it is", "[config]") {
  const auto loaded = load_lines(kCombined);
  CHECK(loaded.errors.empty());
  CHECK(loaded.warnings.empty());
  const auto& cluster = loaded.settings.cluster;
  CHECK(cluster.is_broker);
  CHECK(cluster.is_controller);
  CHECK_FALSE(cluster.is_alone());
  CHECK(cluster.voters == std::vector<QuorumVoter>{{BrokerId{1}, {"one", 9093}},
                                                   {BrokerId{2}, {"two", 9093}},
                                                   {BrokerId{3}, {"three", 9093}}});
  CHECK(cluster.controller_listeners == std::vector{Listener{"CONTROLLER", "", 9093, SecurityProtocol::plaintext}});
  CHECK(cluster.advertised_controller_listeners == std::map<std::string, Endpoint>{{"CONTROLLER", {"two", 9093}}});
  CHECK(loaded.settings.listeners.size() == 1);
  CHECK(loaded.settings.advertised_listeners == std::map<std::string, Endpoint>{{"PLAINTEXT", {"two", 9092}}});
}

TEST_CASE("bootstrap servers that name this node alone make it a single node", "[config]") {
  const auto one = [](std::string_view server) {
    return changed(kCombined, "controller.quorum.voters=1@one:9093,2@two:9093,3@three:9093",
                   changed("controller.quorum.bootstrap.servers=X", "X", server));
  };
  for (const auto* own : {"localhost:9093", "127.0.0.1:9093", "two:9093", "localhost:9093,two:9093"}) {
    CAPTURE(own);
    CHECK(settings_of(one(own)).is_alone());
  }
  for (const auto* others : {"localhost:9094", "one:9093", "one:9093,two:9093,three:9093"}) {
    CAPTURE(others);
    CHECK_FALSE(settings_of(one(others)).is_alone());
  }
  CHECK(settings_of(one("one:9093,two:9093")).bootstrap_servers.size() == 2);
}

TEST_CASE("nothing said makes a single node that is both", "[config]") {
  const auto cluster = settings_of("");
  CHECK(cluster.is_alone());
  CHECK_FALSE(cluster.node_id_is_given);
  const ClusterSettings defaults;
  CHECK(cluster.election_timeout == defaults.election_timeout);
  CHECK(cluster.raft_heartbeat_interval == defaults.raft_heartbeat_interval);
  CHECK(cluster.snapshot_bytes == defaults.snapshot_bytes);
  CHECK(cluster.snapshot_interval == defaults.snapshot_interval);
  CHECK(cluster.metadata_log_dir == defaults.metadata_log_dir);
  CHECK(cluster.heartbeat_interval == defaults.heartbeat_interval);
  CHECK(cluster.session_timeout == defaults.session_timeout);
  CHECK(cluster.capacity == defaults.capacity);
  CHECK(cluster.request_timeout == defaults.request_timeout);
  CHECK(cluster.controlled_shutdown == defaults.controlled_shutdown);
  CHECK(cluster.balances_leaders == defaults.balances_leaders);
  CHECK(cluster.leader_check_interval == defaults.leader_check_interval);
  CHECK(cluster.leader_imbalance_percent == defaults.leader_imbalance_percent);
  CHECK(cluster.replica_fetchers == defaults.replica_fetchers);
  CHECK(cluster.replica_lag_max == defaults.replica_lag_max);
  CHECK(cluster.replica_fetch_wait_max == defaults.replica_fetch_wait_max);
  CHECK(cluster.replica_fetch_min_bytes == defaults.replica_fetch_min_bytes);
  CHECK(cluster.replica_fetch_max_bytes == defaults.replica_fetch_max_bytes);
  CHECK(cluster.replica_fetch_response_max_bytes == defaults.replica_fetch_response_max_bytes);
  CHECK(cluster.replica_fetch_backoff == defaults.replica_fetch_backoff);
  CHECK(cluster.replica_socket_timeout == defaults.replica_socket_timeout);
}

TEST_CASE("dedicated roles open their own listeners alone", "[config]") {
  const auto controller = load_lines(
      "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@h:9093\nlisteners=CONTROLLER://:9093\n"
      "controller.listener.names=CONTROLLER\n");
  CHECK(controller.errors.empty());
  CHECK(controller.settings.listeners.empty());
  CHECK(controller.settings.cluster.controller_listeners.size() == 1);
  CHECK_FALSE(controller.settings.cluster.is_broker);
  CHECK(controller.settings.admin_listener->port == 9645);
  const auto broker = settings_of(
      "process.roles=broker\nnode.id=4\ncontroller.quorum.voters=1@h:9093\nlisteners=PLAINTEXT://:9092\n"
      "controller.listener.names=CONTROLLER\n");
  CHECK_FALSE(broker.is_controller);
  CHECK_FALSE(broker.is_alone());
}

TEST_CASE("roles and voters that contradict each other are one line", "[config]") {
  const auto error = [](std::string_view from, std::string_view to) { return error_of(changed(kCombined, from, to)); };
  CHECK(error("node.id=2", "node.id=4").find("must name node.id = 4, whose process.roles has controller") !=
        std::string::npos);
  CHECK(error_of("process.roles=broker\nnode.id=2\ncontroller.quorum.voters=2@h:9093\n")
            .find("must not name node.id = 2") != std::string::npos);
  CHECK(error("broker,controller\nnode.id=2", "broker\nnode.id=4").find("CONTROLLER must not be one of listeners") !=
        std::string::npos);
  CHECK(error_of("node.id=1\ncontroller.quorum.voters=1@h:9093,2@i:9093\ncontroller.listener.names=CONTROLLER\n")
            .find("must name one of listeners, as process.roles has controller") != std::string::npos);
  CHECK(error("broker,controller", "controller").find("PLAINTEXT must be one of controller.listener.names") !=
        std::string::npos);
  CHECK(error("2@two:9093", "3@two:9093").find("two have id 3") != std::string::npos);
  CHECK(error("2@two:9093", "2@one:9093").find("two are at one:9093") != std::string::npos);
  for (const auto* odd : {"2@two", "two:9093", "2@two:0", "2@two:70000", "x@two:9093", "-2@two:9093", "2@:9093"}) {
    CAPTURE(odd);
    CHECK(error("2@two:9093", odd).find("is not of the form id@host:port") != std::string::npos);
  }
  CHECK(
      error_of("process.roles=broker\nnode.id=1\n").find("a broker alone needs controller.quorum.bootstrap.servers") !=
      std::string::npos);
  CHECK(error_of("process.roles=\n").find("must be broker, controller or both") != std::string::npos);
  CHECK(error_of("controller.quorum.bootstrap.servers=h:9093,i:9093\n").find("node.id = 1: must be given") !=
        std::string::npos);
  CHECK(error_of("node.id=1\ncontroller.quorum.bootstrap.servers=h\n").find("h is not of the form host:port") !=
        std::string::npos);
  CHECK(error_of("node.id=1\ncontroller.quorum.voters=1@h:9093,2@i:9093\n")
            .find("must name the listener at which other voters reach h:9093") != std::string::npos);
}

TEST_CASE("voters stand over bootstrap servers, with a warning", "[config]") {
  const auto loaded = load_lines(changed(kCombined, "log.dirs", "controller.quorum.bootstrap.servers=h:1\nlog.dirs"));
  CHECK(loaded.errors.empty());
  CHECK(loaded.warnings.size() == 1);
  CHECK(loaded.settings.cluster.bootstrap_servers.empty());
}

TEST_CASE("a node that joins needs addresses and nothing else", "[config]") {
  const auto cluster = settings_of("", {"h:9092,[::1]:9", "i:9092"});
  CHECK(cluster.join == std::vector<Endpoint>{{"h", 9092}, {"::1", 9}, {"i", 9092}});
  CHECK_FALSE(cluster.is_alone());
  CHECK(error_of("", {"h"}) == "--join: h: must be HOST:PORT");
  CHECK(error_of("", {"h:0"}) == "--join: h:0: must be HOST:PORT");
  CHECK(settings_of("process.roles=broker\n", {"h:1"}).join.size() == 1);
}

TEST_CASE("times of a cluster fit each other", "[config]") {
  CHECK(error_of("broker.heartbeat.interval.ms=5000\n")
            .find("must be at most half of broker.session.timeout.ms = 9000") != std::string::npos);
  CHECK(error_of("replica.fetch.wait.max.ms=40000\nreplica.lag.time.max.ms=50000\n")
            .find("must be at most replica.socket.timeout.ms") != std::string::npos);
  CHECK(error_of("replica.lag.time.max.ms=400\n").find("must be at most replica.lag.time.max.ms") != std::string::npos);
  CHECK(settings_of("controller.quorum.election.timeout.ms=200\n").raft_heartbeat_interval.count() == 50);
  CHECK(settings_of("metadata.log.max.snapshot.interval.ms=0\n").snapshot_interval > std::chrono::hours{100000});
}
