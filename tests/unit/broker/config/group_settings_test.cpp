#include "broker/config/group_settings.hpp"

#include <catch2/catch.hpp>

#include "broker/config/load.hpp"

using namespace sluice::broker::config;
using namespace std::chrono_literals;

namespace {

LoadedConfig load_sets(std::vector<std::string> assignments) {
  return load({.file = std::nullopt, .assignments = std::move(assignments), .cores = 4, .data_home = "/data"});
}

std::string only_error(const LoadedConfig& loaded) {
  REQUIRE(loaded.errors.size() == 1);
  return loaded.errors.front().line;
}

}  // namespace

TEST_CASE("the defaults of GroupSettings are those of the table") {
  const auto loaded = load_sets({});
  const auto& settings = loaded.settings.groups;
  const GroupSettings defaults;
  CHECK(settings.initial_rebalance_delay == defaults.initial_rebalance_delay);
  CHECK(settings.session_timeout_min == defaults.session_timeout_min);
  CHECK(settings.session_timeout_max == defaults.session_timeout_max);
  CHECK(settings.size_max == defaults.size_max);
  CHECK(settings.consumer_protocol == defaults.consumer_protocol);
  CHECK(settings.consumer_session_timeout == defaults.consumer_session_timeout);
  CHECK(settings.consumer_session_timeout_min == defaults.consumer_session_timeout_min);
  CHECK(settings.consumer_session_timeout_max == defaults.consumer_session_timeout_max);
  CHECK(settings.consumer_heartbeat_interval == defaults.consumer_heartbeat_interval);
  CHECK(settings.consumer_heartbeat_interval_min == defaults.consumer_heartbeat_interval_min);
  CHECK(settings.consumer_heartbeat_interval_max == defaults.consumer_heartbeat_interval_max);
  CHECK(settings.consumer_size_max == defaults.consumer_size_max);
  CHECK(settings.consumer_assignors == defaults.consumer_assignors);
  CHECK(settings.consumer_migration_policy == defaults.consumer_migration_policy);
  CHECK(settings.consumer_regex_refresh_interval == defaults.consumer_regex_refresh_interval);
  CHECK(settings.offset_metadata_max_bytes == defaults.offset_metadata_max_bytes);
  CHECK(settings.offsets_retention == defaults.offsets_retention);
  CHECK(settings.offsets_retention_check_interval == defaults.offsets_retention_check_interval);
  CHECK(settings.offsets_topic_num_partitions == defaults.offsets_topic_num_partitions);
  CHECK(settings.offsets_topic_replication_factor == defaults.offsets_topic_replication_factor);
  CHECK(settings.offsets_topic_segment_bytes == defaults.offsets_topic_segment_bytes);
}

TEST_CASE("assignors are known by their names and by those of Kafka's classes") {
  const auto loaded =
      load_sets({"group.consumer.assignors=org.apache.kafka.coordinator.group.assignor.RangeAssignor, uniform"});
  CHECK(loaded.errors.empty());
  CHECK(loaded.settings.groups.consumer_assignors == std::vector<std::string>{"range", "uniform"});
  CHECK(only_error(load_sets({"group.consumer.assignors=uniform,com.example.Mine"})) ==
        "--set: group.consumer.assignors = uniform,com.example.Mine: must be a list of: uniform, range, each once");
  CHECK(load_sets({"group.consumer.assignors="}).errors.size() == 1);
  CHECK(load_sets({"group.consumer.assignors=range,range"}).errors.size() == 1);
}

TEST_CASE("a migration policy may be written in any case") {
  CHECK(load_sets({"group.consumer.migration.policy=Upgrade"}).settings.groups.consumer_migration_policy ==
        MigrationPolicy::upgrade);
  CHECK(only_error(load_sets({"group.consumer.migration.policy=sideways"})) ==
        "--set: group.consumer.migration.policy = sideways: must be one of: disabled, upgrade, downgrade, "
        "bidirectional");
}

TEST_CASE("the consumer protocol can be left out, the classic one can not") {
  CHECK_FALSE(load_sets({"group.coordinator.rebalance.protocols=classic"}).settings.groups.consumer_protocol);
  CHECK(
      load_sets({"group.coordinator.rebalance.protocols=classic,consumer,streams"}).settings.groups.consumer_protocol);
  CHECK(only_error(load_sets({"group.coordinator.rebalance.protocols=consumer"})) ==
        "--set: group.coordinator.rebalance.protocols = consumer: must be a list with classic in it");
  CHECK(load_sets({"group.coordinator.rebalance.protocols=classic,new"}).errors.size() == 1);
}

TEST_CASE("defaults of consumer groups lie within their bounds") {
  CHECK(only_error(load_sets({"group.consumer.session.timeout.ms=30000"})) ==
        "--set: group.consumer.session.timeout.ms = 30000: must be between group.consumer.min.session.timeout.ms = "
        "45000 and group.consumer.max.session.timeout.ms = 60000");
  CHECK(load_sets({"group.consumer.session.timeout.ms=1000"}).errors.size() == 1);
  CHECK(only_error(load_sets({"group.consumer.min.session.timeout.ms=70000"})) ==
        "default: group.consumer.max.session.timeout.ms = 60000: must be at least "
        "group.consumer.min.session.timeout.ms = 70000");
  CHECK(only_error(load_sets({"group.consumer.heartbeat.interval.ms=20000"})) ==
        "--set: group.consumer.heartbeat.interval.ms = 20000: must be between "
        "group.consumer.min.heartbeat.interval.ms = 5000 and group.consumer.max.heartbeat.interval.ms = 15000");
  CHECK(load_sets({"group.consumer.session.timeout.ms=6000", "group.consumer.min.session.timeout.ms=1000"})
            .settings.groups.consumer_session_timeout == 6s);
}

TEST_CASE("members of a consumer group are told to send heartbeats more often than their session lasts") {
  CHECK(
      only_error(load_sets({"group.consumer.session.timeout.ms=5000", "group.consumer.min.session.timeout.ms=1000"})) ==
      "default: group.consumer.heartbeat.interval.ms = 5000: must be less than group.consumer.session.timeout.ms = "
      "5000");
}
