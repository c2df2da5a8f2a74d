#include "broker/config/definition.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "broker/config/broker_config.hpp"
#include "broker/config/topic_settings.hpp"
#include "broker/config/value.hpp"

using namespace sluice::broker::config;

TEST_CASE("every name stands in one table once") {
  std::set<std::string_view> broker;
  for (const auto& row : broker_definitions()) CHECK(broker.insert(row.name).second);
  for (const auto& key : known_keys()) {
    CAPTURE(key.name);
    CHECK(broker.insert(key.name).second);
  }
  std::set<std::string_view> topic;
  for (const auto& row : topic_definitions()) CHECK(topic.insert(row.name).second);
}

TEST_CASE("every row is documented and grouped, and its default fits it") {
  const auto check = [](const Definition& row) {
    CAPTURE(row.name);
    CHECK(row.doc.ends_with('.'));
    CHECK_FALSE(row.group.empty());
    if (row.default_value) {
      CHECK_FALSE(complaint_about(row, *row.default_value));
      CHECK(normalized(row, *row.default_value) == *row.default_value);
    }
  };
  for (const auto& row : broker_definitions()) check(row);
  for (const auto& row : topic_definitions()) check(row);
}

TEST_CASE("every topic setting has a default, and its broker-level name a row") {
  for (const auto& row : topic_definitions()) {
    CAPTURE(row.name);
    CHECK(row.default_value);
    if (!row.broker_name.empty()) CHECK(find_broker_definition(row.broker_name) != nullptr);
  }
}

TEST_CASE("the defaults of keys that Sluice does not use fit their types") {
  for (const auto& key : known_keys()) {
    CAPTURE(key.name);
    if (key.kafka_default != "null") CHECK_FALSE(complaint_about_type(key.type, key.kafka_default));
  }
}

TEST_CASE("topic settings without any configuration are the defaults of the struct") {
  CHECK(resolve(BrokerConfig{}, {}) == TopicSettings{});
}

TEST_CASE("settings that operators of Kafka know are known here with Kafka's defaults") {
  for (const auto& [name, value] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"num.io.threads", "8"},
           {"queued.max.requests", "500"},
           {"group.consumer.assignment.interval.ms", "1000"},
           {"group.share.record.lock.duration.ms", "30000"},
           {"offsets.commit.timeout.ms", "5000"},
           {"transaction.state.log.min.isr", "2"},
           {"transactional.id.expiration.ms", "604800000"},
           {"replica.high.watermark.checkpoint.interval.ms", "5000"},
           {"replica.socket.receive.buffer.bytes", "65536"},
           {"log.dir.failure.timeout.ms", "30000"},
           {"sasl.server.max.receive.size", "524288"},
           {"telemetry.max.bytes", "1048576"},
           {"metadata.max.idle.interval.ms", "500"},
       }) {
    CAPTURE(name);
    const auto* key = find_known_key(name);
    REQUIRE(key != nullptr);
    CHECK(key->kafka_default == value);
  }
}
