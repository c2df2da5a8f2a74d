#include "broker/config/describe.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace sluice::broker::config;

namespace {

using Synonyms = std::vector<DescribedSynonym>;

BrokerConfig broker_with(const Properties& values) {
  BrokerConfig::StaticValues given;
  for (const auto& [name, value] : values) given[name] = {value, "test:1"};
  return BrokerConfig{given};
}

DescribedConfig one_topic_config(const BrokerConfig& broker, const Properties& overrides, const std::string& name) {
  const auto configs = describe_topic(broker, overrides, std::vector{name});
  REQUIRE(configs.size() == 1);
  return configs.front();
}

DescribedConfig one_broker_config(const BrokerConfig& broker, const std::string& name) {
  const auto configs = describe_broker(broker, std::vector{name});
  REQUIRE(configs.size() == 1);
  return configs.front();
}

struct KafkaTopicConfig {
  std::string_view name;
  ConfigType type;
  std::string_view value;
  std::string_view default_synonym;  ///< the broker-level name listed as DEFAULT_CONFIG; empty: none is listed
};

constexpr std::string_view kMax = "9223372036854775807";

/// What Kafka 4.3.1 answers for a topic without overrides on a broker whose file says nothing about topics.
const KafkaTopicConfig kKafkaTopic[] = {
    {"cleanup.policy", ConfigType::list, "delete", "log.cleanup.policy"},
    {"compression.gzip.level", ConfigType::int32, "-1", "compression.gzip.level"},
    {"compression.lz4.level", ConfigType::int32, "9", "compression.lz4.level"},
    {"compression.type", ConfigType::string, "producer", "compression.type"},
    {"compression.zstd.level", ConfigType::int32, "3", "compression.zstd.level"},
    {"delete.retention.ms", ConfigType::int64, "86400000", "log.cleaner.delete.retention.ms"},
    {"file.delete.delay.ms", ConfigType::int64, "60000", "log.segment.delete.delay.ms"},
    {"flush.messages", ConfigType::int64, kMax, "log.flush.interval.messages"},
    {"flush.ms", ConfigType::int64, kMax, ""},
    {"follower.replication.throttled.replicas", ConfigType::list, "", ""},
    {"index.interval.bytes", ConfigType::int32, "4096", "log.index.interval.bytes"},
    {"leader.replication.throttled.replicas", ConfigType::list, "", ""},
    {"local.retention.bytes", ConfigType::int64, "-2", "log.local.retention.bytes"},
    {"local.retention.ms", ConfigType::int64, "-2", "log.local.retention.ms"},
    {"max.compaction.lag.ms", ConfigType::int64, kMax, "log.cleaner.max.compaction.lag.ms"},
    {"max.message.bytes", ConfigType::int32, "1048588", "message.max.bytes"},
    {"message.timestamp.after.max.ms", ConfigType::int64, "3600000", "log.message.timestamp.after.max.ms"},
    {"message.timestamp.before.max.ms", ConfigType::int64, kMax, "log.message.timestamp.before.max.ms"},
    {"message.timestamp.type", ConfigType::string, "CreateTime", "log.message.timestamp.type"},
    {"min.cleanable.dirty.ratio", ConfigType::float64, "0.5", "log.cleaner.min.cleanable.ratio"},
    {"min.compaction.lag.ms", ConfigType::int64, "0", "log.cleaner.min.compaction.lag.ms"},
    {"min.insync.replicas", ConfigType::int32, "1", "min.insync.replicas"},
    {"preallocate", ConfigType::boolean, "false", "log.preallocate"},
    {"remote.log.copy.disable", ConfigType::boolean, "false", ""},
    {"remote.log.delete.on.disable", ConfigType::boolean, "false", ""},
    {"remote.storage.enable", ConfigType::boolean, "false", ""},
    {"retention.bytes", ConfigType::int64, "-1", "log.retention.bytes"},
    {"retention.ms", ConfigType::int64, "604800000", ""},
    {"segment.bytes", ConfigType::int32, "1073741824", "log.segment.bytes"},
    {"segment.index.bytes", ConfigType::int32, "10485760", "log.index.size.max.bytes"},
    {"segment.jitter.ms", ConfigType::int64, "0", ""},
    {"segment.ms", ConfigType::int64, "604800000", ""},
    {"unclean.leader.election.enable", ConfigType::boolean, "false", "unclean.leader.election.enable"},
};

}  // namespace

TEST_CASE("a topic without overrides is described as Kafka describes it") {
  const auto configs = describe_topic(BrokerConfig{}, {});
  for (const auto& expected : kKafkaTopic) {
    CAPTURE(expected.name);
    const auto found = std::ranges::find(configs, expected.name, &DescribedConfig::name);
    REQUIRE(found != configs.end());
    CHECK(found->value == expected.value);
    CHECK(found->type == expected.type);
    CHECK(found->source == ConfigSource::default_config);
    CHECK_FALSE(found->read_only);
    CHECK_FALSE(found->is_sensitive);
    const auto synonyms = expected.default_synonym.empty()
                              ? Synonyms{}
                              : Synonyms{{std::string{expected.default_synonym}, std::string{expected.value},
                                          ConfigSource::default_config}};
    CHECK(found->synonyms == synonyms);
  }
  // And nothing else but settings of our own.
  CHECK(configs.size() == std::size(kKafkaTopic) + 2);
}

TEST_CASE("the synonyms of a topic setting are listed in order of precedence") {
  const auto broker = broker_with({{"log.segment.bytes", "1000"}})
                          .with_dynamic_defaults({{"log.segment.bytes", "2000"}})
                          .with_dynamic_broker({{"log.segment.bytes", "3000"}});
  const auto config = one_topic_config(broker, {{"segment.bytes", "4000"}}, "segment.bytes");
  CHECK(config.value == "4000");
  CHECK(config.source == ConfigSource::dynamic_topic);
  CHECK(config.synonyms == Synonyms{{"segment.bytes", "4000", ConfigSource::dynamic_topic},
                                    {"log.segment.bytes", "3000", ConfigSource::dynamic_broker},
                                    {"log.segment.bytes", "2000", ConfigSource::dynamic_default_broker},
                                    {"log.segment.bytes", "1000", ConfigSource::static_broker},
                                    {"log.segment.bytes", "1073741824", ConfigSource::default_config}});
  const auto inherited = one_topic_config(broker, {}, "segment.bytes");
  CHECK(inherited.value == "3000");
  CHECK(inherited.source == ConfigSource::dynamic_broker);
}

TEST_CASE("hours and minutes count for retention.ms, best unit first") {
  CHECK(one_topic_config(broker_with({{"log.retention.hours", "24"}}), {}, "retention.ms").value == "86400000");
  const auto minutes = broker_with({{"log.retention.hours", "24"}, {"log.retention.minutes", "5"}});
  CHECK(one_topic_config(minutes, {}, "retention.ms").value == "300000");
  CHECK(one_topic_config(minutes.with_dynamic_defaults({{"log.retention.ms", "7"}}), {}, "retention.ms").value == "7");
  CHECK(one_topic_config(broker_with({{"log.retention.hours", "-1"}}), {}, "retention.ms").value == "-1");
  CHECK(one_topic_config(broker_with({{"log.roll.hours", "1"}}), {}, "segment.ms").value == "3600000");
  CHECK(one_topic_config(broker_with({{"log.flush.scheduler.interval.ms", "9"}}), {}, "flush.ms").value == "9");
}

TEST_CASE("the synonyms of retention.ms begin with log.retention.ms, as Kafka's do") {
  const auto hours = broker_with({{"log.retention.hours", "24"}});
  CHECK(one_topic_config(hours, {}, "retention.ms").synonyms.empty());
  const auto both = broker_with({{"log.retention.hours", "24"}, {"log.retention.ms", "7"}});
  CHECK(one_topic_config(both, {}, "retention.ms").synonyms ==
        Synonyms{{"log.retention.ms", "7", ConfigSource::static_broker},
                 {"log.retention.hours", "24", ConfigSource::static_broker},
                 {"log.retention.hours", "168", ConfigSource::default_config}});
}

TEST_CASE("a dynamic default of one name is followed by the static values of the others") {
  // Taken from Kafka 4.3.1 with log.flush.interval.ms=777 as cluster-wide default.
  const auto config =
      one_topic_config(BrokerConfig{}.with_dynamic_defaults({{"log.flush.interval.ms", "777"}}), {}, "flush.ms");
  CHECK(config.value == "777");
  CHECK(config.source == ConfigSource::dynamic_default_broker);
  CHECK(config.synonyms ==
        Synonyms{{"log.flush.interval.ms", "777", ConfigSource::dynamic_default_broker},
                 {"log.flush.scheduler.interval.ms", std::string{kMax}, ConfigSource::default_config}});
}

TEST_CASE("a broker setting says whether it can change and where its value is from") {
  const auto broker = broker_with({{"num.partitions", "3"}, {"max.connections", "10"}})
                          .with_dynamic_broker({{"max.connections", "20"}});
  const auto partitions = one_broker_config(broker, "num.partitions");
  CHECK(partitions.read_only);
  CHECK(partitions.source == ConfigSource::static_broker);
  CHECK(partitions.type == ConfigType::int32);
  CHECK_FALSE(partitions.documentation.empty());
  const auto connections = one_broker_config(broker, "max.connections");
  CHECK_FALSE(connections.read_only);
  CHECK(connections.value == "20");
  CHECK(connections.source == ConfigSource::dynamic_broker);
  const auto rack = one_broker_config(broker, "broker.rack");
  CHECK_FALSE(rack.value);
  CHECK(rack.synonyms.empty());
}

TEST_CASE("unknown names are left out of the answer") {
  CHECK(describe_topic(BrokerConfig{}, {}, std::vector<std::string>{"no.such.name"}).empty());
  CHECK(describe_broker(BrokerConfig{}, std::vector<std::string>{"retention.ms"}).empty());
}

TEST_CASE("the cluster default describes only dynamic defaults") {
  const auto broker = broker_with({{"message.max.bytes", "5000"}})
                          .with_dynamic_defaults({{"message.max.bytes", "6000"}})
                          .with_dynamic_broker({{"message.max.bytes", "7000"}, {"log.preallocate", "true"}});
  const auto configs = describe_broker_defaults(broker);
  REQUIRE(configs.size() == 1);
  CHECK(configs.front().name == "message.max.bytes");
  CHECK(configs.front().value == "6000");
  CHECK(configs.front().source == ConfigSource::dynamic_default_broker);
  CHECK(configs.front().synonyms == Synonyms{{"message.max.bytes", "6000", ConfigSource::dynamic_default_broker}});
}

TEST_CASE("a group's settings are its own over the broker's, the broker's name among the synonyms") {
  const auto broker = broker_with({{"group.consumer.heartbeat.interval.ms", "6000"}});
  const auto configs = describe_group(broker, {{"consumer.session.timeout.ms", "50000"}});
  REQUIRE(configs.size() == 2);
  const auto& session = configs[0];
  CHECK(session.value == "50000");
  CHECK(session.source == ConfigSource::dynamic_group);
  CHECK_FALSE(session.read_only);
  CHECK(session.synonyms == Synonyms{{"consumer.session.timeout.ms", "50000", ConfigSource::dynamic_group},
                                     {"group.consumer.session.timeout.ms", "45000", ConfigSource::default_config}});
  const auto& heartbeat = configs[1];
  CHECK(heartbeat.value == "6000");
  CHECK(heartbeat.source == ConfigSource::static_broker);
  CHECK(describe_group(broker, {}, std::vector<std::string>{"nonsense"}).empty());
}
