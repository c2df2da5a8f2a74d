#include "broker/config/alter.hpp"

#include <catch2/catch.hpp>

#include "broker/config/topic_settings.hpp"

using namespace sluice;
using namespace sluice::broker::config;

TEST_CASE("a topic override is refused with what would be right") {
  CHECK_FALSE(validate_topic_config("retention.ms", "-1"));
  CHECK(validate_topic_config("retention.ms", "-2") ==
        "Invalid value -2 for configuration retention.ms: must be at least -1");
  CHECK(validate_topic_config("retension.ms", "1") ==
        "Unknown topic config name: retension.ms (did you mean retention.ms?)");
  CHECK(validate_topic_config("log.retention.ms", "1"));
  CHECK_FALSE(validate_topic_config("remote.storage.enable", "false"));
  CHECK(validate_topic_config("remote.storage.enable", "true"));
  CHECK_FALSE(validate_topic_config("leader.replication.throttled.replicas", "0:1,1:2"));
  CHECK_FALSE(validate_topic_config("leader.replication.throttled.replicas", "*"));
  CHECK(validate_topic_config("leader.replication.throttled.replicas", "0"));
}

TEST_CASE("a topic's overrides are also judged together, over the broker's values") {
  CHECK_FALSE(validate_topic_configs({}, {{"min.compaction.lag.ms", "5"}}));
  CHECK(validate_topic_configs({}, {{"min.compaction.lag.ms", "5"}, {"max.compaction.lag.ms", "4"}}));
  const BrokerConfig broker{{{"log.cleaner.max.compaction.lag.ms", {"4", "test:1"}}}};
  CHECK(validate_topic_configs(broker, {{"min.compaction.lag.ms", "5"}}));
}

TEST_CASE("only dynamic settings of the broker may change while it runs") {
  using enum BrokerResource;
  CHECK_FALSE(validate_broker_config(one_broker, "log.retention.ms", "5"));
  CHECK_FALSE(validate_broker_config(cluster_default, "max.connections", "5"));
  CHECK(validate_broker_config(cluster_default, "max.connections", "-5"));
  CHECK_FALSE(validate_broker_config(one_broker, "max.connections.per.ip.overrides", "h:1,127.0.0.1:2"));
  CHECK(validate_broker_config(one_broker, "max.connections.per.ip.overrides", "h"));
  for (const auto resource : {one_broker, cluster_default}) {
    CHECK_FALSE(validate_broker_config(resource, "log.cleaner.threads", "2"));
    CHECK_FALSE(validate_broker_config(resource, "log.cleaner.io.max.bytes.per.second", "1e6"));
    CHECK(validate_broker_config(resource, "log.cleaner.io.max.bytes.per.second", "0"));
    CHECK(validate_broker_config(resource, "log.cleaner.enable", "false"));
  }
  CHECK(validate_broker_config(one_broker, "node.id", "5"));
  CHECK(validate_broker_config(one_broker, "log.retention.hours", "5"));
  CHECK(validate_broker_config(one_broker, "num.io.threads", "5"));
  CHECK(validate_broker_config(one_broker, "no.such.thing", "5") == "Unknown broker config name: no.such.thing");
}

TEST_CASE("list operations keep the order and repeat nothing") {
  CHECK(append_to_list("delete", "compact, delete") == "delete,compact");
  CHECK(append_to_list("", "compact") == "compact");
  CHECK(subtract_from_list("delete,compact", "delete") == "compact");
  CHECK(subtract_from_list("delete", "delete") == "");
  CHECK(is_topic_list("cleanup.policy"));
  CHECK_FALSE(is_topic_list("retention.ms"));
  CHECK_FALSE(is_topic_list("no.such.name"));
  CHECK(is_broker_list("log.cleanup.policy"));
}

TEST_CASE("overrides are resolved into typed settings") {
  const auto settings = resolve({}, {{"cleanup.policy", "compact,delete"},
                                     {"compression.type", "zstd"},
                                     {"retention.ms", "-1"},
                                     {"retention.bytes", "4096"},
                                     {"message.timestamp.type", "LogAppendTime"},
                                     {"flush.messages", "1"},
                                     {"sluice.durability", "os"},
                                     {"sluice.validate.compressed", "false"},
                                     {"min.cleanable.dirty.ratio", "0.25"}});
  CHECK(settings.cleanup_compact);
  CHECK(settings.cleanup_delete);
  CHECK(settings.compression == record::Compression::zstd);
  CHECK_FALSE(settings.retention_ms);
  CHECK(settings.retention_bytes == 4096);
  CHECK(settings.message_timestamp_type == record::TimestampType::log_append_time);
  CHECK(settings.flush_messages == 1);
  CHECK(settings.durability == Durability::os);
  CHECK_FALSE(settings.validate_compressed);
  CHECK(settings.min_cleanable_dirty_ratio == 0.25);
  const auto keep_all = resolve({}, {{"cleanup.policy", ""}, {"compression.type", "uncompressed"}});
  CHECK_FALSE(keep_all.cleanup_delete);
  CHECK_FALSE(keep_all.cleanup_compact);
  CHECK(keep_all.compression == record::Compression::none);
}

TEST_CASE("an override that no longer makes sense falls back to the broker's value") {
  const BrokerConfig broker{{{"log.segment.bytes", {"5000", "test:1"}}}};
  CHECK(resolve(broker, {{"segment.bytes", "nonsense"}, {"of.the.future", "1"}}).segment_bytes == 5000);
  const auto dynamic = broker.with_dynamic_defaults({{"log.segment.bytes", "7"}});
  CHECK(resolve(dynamic, {}).segment_bytes == 5000);
}
