#include "broker/config/load.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "broker/config/topic_settings.hpp"

using namespace sluice;
using namespace sluice::broker::config;

namespace {

/// A configuration file that lives as long as the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text)
      : path_(std::filesystem::temp_directory_path() /
              ("sluice-config-" + std::to_string(::getpid()) + ".properties")) {
    std::ofstream{path_, std::ios::binary} << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

LoadedConfig load_text(std::string_view text, std::vector<std::string> assignments = {}) {
  const TemporaryFile file{text};
  return load({.file = file.path(), .assignments = std::move(assignments), .cores = 4, .data_home = "/data"});
}

LoadedConfig load_sets(std::vector<std::string> assignments) {
  return load({.file = std::nullopt, .assignments = std::move(assignments), .cores = 4, .data_home = "/data"});
}

/// The one error, without the file's path: "PATH:3: ..." becomes ":3: ...".
std::string only_error(const LoadedConfig& loaded) {
  REQUIRE(loaded.errors.size() == 1);
  const auto& line = loaded.errors.front().line;
  const auto end = line.find(".properties");
  return end == std::string::npos ? line : line.substr(end + 11);
}

/// The keys of Kafka's sample for a combined broker and controller.
constexpr std::string_view kCombinedMode = R"(# broker and controller in one process
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093

listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL

num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600

log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=2
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1

#log.flush.interval.messages=10000
#log.flush.interval.ms=1000
log.retention.hours=168
#log.retention.bytes=1073741824
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
)";

}  // namespace

TEST_CASE("a Kafka file for combined mode starts Sluice unchanged") {
  const auto loaded = load_text(kCombinedMode);
  for (const auto& error : loaded.errors) FAIL_CHECK(error.line);
  const auto& settings = loaded.settings;
  CHECK(settings.node_id == BrokerId{1});
  CHECK(settings.listeners == std::vector{Listener{"PLAINTEXT", "", 9092, SecurityProtocol::plaintext}});
  CHECK(settings.advertised_listeners == std::map<std::string, Endpoint>{{"PLAINTEXT", {"localhost", 9092}}});
  CHECK(settings.inter_broker_listener_name == "PLAINTEXT");
  CHECK(settings.log_dirs == std::vector<std::string>{"/tmp/kraft-combined-logs"});
  CHECK(settings.num_network_threads == 3);
  CHECK(resolve(loaded.config, {}) == TopicSettings{});
  // One warning for each key that is Kafka's alone, and no other.
  CHECK(loaded.settings.groups.offsets_topic_replication_factor == 1);
  CHECK(loaded.warnings.size() == 5);
  CHECK(loaded.warnings.front().find(": num.io.threads: known to Kafka, not used by Sluice") != std::string::npos);
}

TEST_CASE("nothing given is a single node on the loopback address with its data at home") {
  const auto loaded = load_sets({});
  CHECK(loaded.errors.empty());
  CHECK(loaded.warnings.empty());
  CHECK(loaded.settings.node_id == BrokerId{1});
  CHECK(loaded.settings.listeners ==
        std::vector{Listener{"PLAINTEXT", "127.0.0.1", 9092, SecurityProtocol::plaintext}});
  CHECK(loaded.settings.admin_listener == AdminListener{"127.0.0.1", 9644, false});
  CHECK(loaded.settings.log_dirs == std::vector<std::string>{"/data/sluice"});
  CHECK(loaded.settings.num_network_threads == 4);
}

TEST_CASE("the defaults of BrokerSettings are those of the table") {
  const auto settings = load_sets({}).settings;
  const BrokerSettings defaults;
  CHECK(settings.background_threads == defaults.background_threads);
  CHECK(settings.sync_threads == defaults.sync_threads);
  CHECK(settings.num_recovery_threads_per_data_dir == defaults.num_recovery_threads_per_data_dir);
  CHECK(settings.socket_listen_backlog_size == defaults.socket_listen_backlog_size);
  CHECK(settings.socket_request_max_bytes == defaults.socket_request_max_bytes);
  CHECK(settings.max_connections == defaults.max_connections);
  CHECK(settings.max_connections_per_ip == defaults.max_connections_per_ip);
  CHECK(settings.max_connection_creation_rate == defaults.max_connection_creation_rate);
  CHECK(settings.connections_max_idle_ms == defaults.connections_max_idle_ms);
  CHECK(settings.queued_max_request_bytes == defaults.queued_max_request_bytes);
  CHECK(settings.request_memory_bytes == defaults.request_memory_bytes);
  CHECK(settings.fetch_max_bytes == defaults.fetch_max_bytes);
  CHECK(settings.max_incremental_fetch_session_cache_slots == defaults.max_incremental_fetch_session_cache_slots);
  CHECK(settings.max_request_partition_size_limit == defaults.max_request_partition_size_limit);
  CHECK(settings.shutdown_timeout_ms == defaults.shutdown_timeout_ms);
  CHECK(settings.auto_create_topics_enable == defaults.auto_create_topics_enable);
  CHECK(settings.delete_topic_enable == defaults.delete_topic_enable);
  CHECK(settings.num_partitions == defaults.num_partitions);
  CHECK(settings.default_replication_factor == defaults.default_replication_factor);
  CHECK(settings.log_retention_check_interval_ms == defaults.log_retention_check_interval_ms);
  CHECK(settings.log_flush_offset_checkpoint_interval_ms == defaults.log_flush_offset_checkpoint_interval_ms);
  CHECK(settings.log_flush_start_offset_checkpoint_interval_ms ==
        defaults.log_flush_start_offset_checkpoint_interval_ms);
  CHECK(settings.log_flush_scheduler_interval_ms == defaults.log_flush_scheduler_interval_ms);
  CHECK(settings.producer_id_expiration_ms == defaults.producer_id_expiration_ms);
}

TEST_CASE("an address and a directory are enough for a second broker on the machine") {
  const auto first = load_sets({}).settings;
  const auto second = load_sets({"listeners=PLAINTEXT://127.0.0.1:19092", "log.dirs=/tmp/second"});
  CHECK(second.errors.empty());
  CHECK(second.settings.listeners.front().port == 19092);
  CHECK(second.settings.log_dirs == std::vector<std::string>{"/tmp/second"});
  CHECK(second.settings.admin_listener != first.admin_listener);
}

TEST_CASE("with a file that names no listeners Kafka's default holds") {
  CHECK(load_text("").settings.listeners.front() == Listener{"PLAINTEXT", "", 9092, SecurityProtocol::plaintext});
  CHECK_FALSE(load_text("").settings.advertised_listeners.at("PLAINTEXT").host.empty());
}

TEST_CASE("a bad value is one line with its place and the allowed range") {
  CHECK(only_error(load_text("# one\nlog.segment.bytes=-5\n")) ==
        ":2: log.segment.bytes = -5: must be between 14 and 2147483647");
  CHECK(only_error(load_sets({"log.segment.bytes=-5"})) ==
        "--set: log.segment.bytes = -5: must be between 14 and 2147483647");
  CHECK(only_error(load_text("num.io.threads=many")) ==
        ":1: num.io.threads = many: must be between -2147483648 and 2147483647, in digits");
  CHECK(only_error(load_text("log.dirs=\\u12")) == ":1: \\u must be followed by the four hex digits of a character");
  CHECK(only_error(load_sets({"log.dirs"})) == "--set: log.dirs: must be of the form NAME=VALUE");
}

TEST_CASE("an unknown name is one line with the nearest one") {
  CHECK(only_error(load_text("log.segmnet.bytes=1")) ==
        ":1: unknown setting \"log.segmnet.bytes\" (did you mean log.segment.bytes?)");
  CHECK(only_error(load_text("offsets.topic.replication.facter=1")) ==
        ":1: unknown setting \"offsets.topic.replication.facter\" (did you mean offsets.topic.replication.factor?)");
  CHECK(only_error(load_text("something.else.entirely=1")) == ":1: unknown setting \"something.else.entirely\"");
  CHECK(only_error(load_text("retention.ms=1")) ==
        ":1: \"retention.ms\" is a setting of topics; its default for all topics is log.retention.ms");
}

TEST_CASE("every mistake is reported, not only the first") {
  CHECK(load_text("nonsense=1\nnum.partitions=0\nlisteners=here\n").errors.size() == 3);
}

TEST_CASE("complaints come in the order of the file") {
  const auto loaded = load_text("zzz.first=1\naaa.second=1\n");
  REQUIRE(loaded.errors.size() == 2);
  CHECK(loaded.errors.front().line.find(":1: ") != std::string::npos);
}

TEST_CASE("a missing file is one line") {
  const auto loaded = load({.file = "/no/such/file.properties", .assignments = {}, .cores = 1, .data_home = "/data"});
  REQUIRE(loaded.errors.size() == 1);
  CHECK(loaded.errors.front().line == "/no/such/file.properties: cannot be read: No such file or directory");
}

TEST_CASE("the command line overrides the file, and of repeated lines the last one counts with a warning") {
  const auto loaded = load_text("num.partitions=2\nnum.partitions=3\n", {"default.replication.factor=1", "node.id=7"});
  CHECK(loaded.errors.empty());
  CHECK(loaded.settings.num_partitions == 3);
  CHECK(loaded.settings.node_id == BrokerId{7});
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(loaded.warnings.front().find(":2: num.partitions is set again; the value of ") != std::string::npos);
  CHECK(loaded.config.origin("node.id") == "--set");
  CHECK(load_text("num.partitions=2", {"num.partitions=5"}).settings.num_partitions == 5);
}

TEST_CASE("families of foreign settings are accepted with one warning each") {
  for (const auto* line :
       {"zookeeper.connect=localhost:2181", "listener.name.external.ssl.keystore.location=/k", "super.users=User:admin",
        "listener.name.sasl_ssl.plain.sasl.jaas.config=secret", "confluent.license.topic=x", "ssl.keystore.password=p",
        "inter.broker.protocol.version=3.5", "authorizer.class.name=org.apache.kafka.metadata.authorizer.Standard",
        "rsm.config.bucket=b", "log4j.rootLogger=INFO"}) {
    CAPTURE(line);
    const auto loaded = load_text(line);
    CHECK(loaded.errors.empty());
    CHECK(loaded.warnings.size() == 1);
  }
  CHECK(load_text("zookeeper.connect=h:1").warnings.front().find("needs no ZooKeeper") != std::string::npos);
}

TEST_CASE("a secret never appears in a line for the log") {
  const auto loaded = load_text("ssl.key.password=hunter2\nlistener.name.x.ssl.key.password=hunter2\n");
  for (const auto& warning : loaded.warnings) CHECK(warning.find("hunter2") == std::string::npos);
}

TEST_CASE("node.id and broker.id are one number") {
  CHECK(load_text("broker.id=5").settings.node_id == BrokerId{5});
  CHECK(load_text("broker.id=5").config.value("node.id") == "5");
  CHECK(load_text("node.id=5").config.value("broker.id") == "5");
  CHECK(load_text("node.id=5\nbroker.id=-1").settings.node_id == BrokerId{5});
  CHECK(only_error(load_text("node.id=5\nbroker.id=6")) == ":2: broker.id = 6: contradicts node.id = 5");
}

TEST_CASE("listeners are judged against each other") {
  const auto error = [](const std::string& text) { return only_error(load_text(text)); };
  CHECK(error("listeners=PLAINTEXT://:1,PLAINTEXT://:2").find("two listeners are named PLAINTEXT") !=
        std::string::npos);
  CHECK(error("listeners=A://h:1,B://h:1\nlistener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT")
            .find("two listeners want port 1") != std::string::npos);
  CHECK(error("listeners=INSIDE://:1").find("gives no protocol for INSIDE") != std::string::npos);
  CHECK(error("listeners=PLAINTEXT://:1,SSL://:2").find("SSL needs SSL, which is not available") != std::string::npos);
  CHECK(error("listeners=").find("at least one listener") != std::string::npos);
  CHECK(error("listeners=CONTROLLER://:1\ncontroller.listener.names=CONTROLLER").find("at least one listener") !=
        std::string::npos);
  CHECK(error("advertised.listeners=EXTERNAL://h:1").find("EXTERNAL is not one of the listeners") != std::string::npos);
  CHECK(error("advertised.listeners=PLAINTEXT://0.0.0.0:1").find("nobody can connect") != std::string::npos);
  CHECK(error("inter.broker.listener.name=INSIDE").find("is not one of the listeners") != std::string::npos);
  CHECK(error("process.roles=controller").find("PLAINTEXT must be one of controller.listener.names") !=
        std::string::npos);
}

TEST_CASE("the admin listener can be named and turned off") {
  CHECK(load_sets({"sluice.admin.listener="}).settings.admin_listener == std::nullopt);
  CHECK(load_sets({"sluice.admin.listener=127.0.0.1:7"}).settings.admin_listener ==
        AdminListener{"127.0.0.1", 7, true});
  CHECK(load_sets({"sluice.admin.listener=here"}).errors.size() == 1);
  CHECK(load_sets({"listeners=PLAINTEXT://:65500"}).settings.admin_listener->port == 64948);
}

TEST_CASE("connection limits are typed") {
  const auto settings = load_sets({"max.connections.per.ip.overrides=h:5,127.0.0.1:0", "connections.max.idle.ms=-1",
                                   "socket.send.buffer.bytes=-1"})
                            .settings;
  CHECK(settings.max_connections_per_ip_overrides == std::map<std::string, int>{{"h", 5}, {"127.0.0.1", 0}});
  CHECK_FALSE(settings.connections_max_idle_ms);
  CHECK_FALSE(settings.socket_send_buffer_bytes);
  CHECK(load_sets({"max.connections.per.ip.overrides=h"}).errors.size() == 1);
  CHECK(load_sets({"queued.max.request.bytes=5"}).errors.size() == 1);
}

TEST_CASE("a value that no answer could tell is refused") {
  CHECK(load_sets({"broker.rack=" + std::string(32767, 'r')}).errors.empty());
  CHECK(only_error(load_sets({"broker.rack=" + std::string(32768, 'r')})).ends_with("longer than 32767 bytes"));
}
