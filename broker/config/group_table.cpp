#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "broker/config/group_settings.hpp"
#include "broker/config/tables.hpp"
#include "broker/config/text.hpp"

namespace sluice::broker::config::tables {
namespace {

constexpr std::string_view kGroups = "Consumer groups";

constexpr std::array kRows{
    Definition{.name = "group.initial.rebalance.delay.ms",
               .type = ConfigType::int32,
               .default_value = "3000",
               .min = 0,
               .doc = "How long an empty group waits for more members before its first rebalance, in milliseconds.",
               .group = kGroups},
    Definition{.name = "group.min.session.timeout.ms",
               .type = ConfigType::int32,
               .default_value = "6000",
               .min = 1,
               .doc = "The shortest session timeout that a member may ask for, in milliseconds.",
               .group = kGroups},
    Definition{.name = "group.max.session.timeout.ms",
               .type = ConfigType::int32,
               .default_value = "1800000",
               .min = 1,
               .doc = "The longest session timeout that a member may ask for, in milliseconds.",
               .group = kGroups},
    Definition{.name = "group.max.size",
               .type = ConfigType::int32,
               .default_value = "2147483647",
               .min = 1,
               .doc = "Members that one group may have.",
               .group = kGroups},
    Definition{.name = "offset.metadata.max.bytes",
               .type = ConfigType::int32,
               .default_value = "4096",
               .min = 0,
               .doc = "Bytes of text that may be committed with an offset.",
               .group = kGroups},
    Definition{.name = "offsets.retention.minutes",
               .type = ConfigType::int32,
               .default_value = "10080",
               .min = 1,
               .doc = "Committed offsets are kept for so long after their group lost its last member; those of a "
                      "consumer without a group, after the commit.",
               .group = kGroups},
    Definition{.name = "offsets.retention.check.interval.ms",
               .type = ConfigType::int64,
               .default_value = "600000",
               .min = 1,
               .doc = "How often expired offsets are looked for, in milliseconds.",
               .group = kGroups},
    Definition{.name = "offsets.topic.num.partitions",
               .type = ConfigType::int32,
               .default_value = "50",
               .min = 1,
               .doc = "Partitions of __consumer_offsets when it is created. Must not change afterwards.",
               .group = kGroups},
    Definition{.name = "offsets.topic.replication.factor",
               .type = ConfigType::int16,
               .default_value = "3",
               .min = 1,
               .doc = "Replicas of __consumer_offsets when it is created; as many as there are brokers, if those are "
                      "fewer.",
               .group = kGroups},
    Definition{.name = "offsets.topic.segment.bytes",
               .type = ConfigType::int32,
               .default_value = "104857600",
               .min = 1,
               .doc = "Segment size of __consumer_offsets in bytes: small, so that compaction and loading are quick.",
               .group = kGroups},
};

constexpr std::string_view kConsumerGroups = "Consumer groups of the consumer protocol (KIP-848)";

/// A length of time in milliseconds.
constexpr Definition duration(std::string_view name, std::string_view default_value, std::string_view doc,
                              std::int64_t min = 1) {
  return {.name = name,
          .type = ConfigType::int32,
          .default_value = default_value,
          .min = min,
          .doc = doc,
          .group = kConsumerGroups};
}

const char* wants_assignors(std::string_view value) {
  std::vector<std::string> names;
  for (const auto& word : split_list(value)) {
    auto name = parse_assignor(word);
    if (!name || std::ranges::count(names, *name) > 0) return "a list of: uniform, range, each once";
    names.push_back(*std::move(name));
  }
  return names.empty() ? "a list of: uniform, range; at least one" : nullptr;
}

const char* wants_migration_policy(std::string_view value) {
  return parse_migration_policy(value) ? nullptr : "one of: disabled, upgrade, downgrade, bidirectional";
}

const char* wants_classic(std::string_view value) {
  return std::ranges::count(split_list(value), "classic") > 0 ? nullptr : "a list with classic in it";
}

constexpr std::array kConsumerRows{
    duration("group.consumer.session.timeout.ms", "45000",
             "A member that is silent for so long is taken out of its group, in milliseconds. A group's own "
             "consumer.session.timeout.ms overrides it."),
    duration("group.consumer.min.session.timeout.ms", "45000",
             "The shortest session timeout that may be set for a group, in milliseconds."),
    duration("group.consumer.max.session.timeout.ms", "60000",
             "The longest session timeout that may be set for a group, in milliseconds."),
    duration("group.consumer.heartbeat.interval.ms", "5000",
             "How often members are told to send heartbeats, in milliseconds. A group's own "
             "consumer.heartbeat.interval.ms overrides it."),
    duration("group.consumer.min.heartbeat.interval.ms", "5000",
             "The shortest heartbeat interval that may be set for a group, in milliseconds."),
    duration("group.consumer.max.heartbeat.interval.ms", "15000",
             "The longest heartbeat interval that may be set for a group, in milliseconds."),
    Definition{.name = "group.consumer.max.size",
               .type = ConfigType::int32,
               .default_value = "2147483647",
               .min = 1,
               .doc = "Members that one group of the consumer protocol may have.",
               .group = kConsumerGroups},
    Definition{.name = "group.consumer.assignors",
               .type = ConfigType::list,
               .default_value = "uniform,range",
               .validator = wants_assignors,
               .doc = "The assignors that members may choose from, of uniform and range; the first is for those who "
                      "do not choose. The class names of Kafka's own two are understood; there are no others.",
               .group = kConsumerGroups},
    Definition{.name = "group.consumer.migration.policy",
               .type = ConfigType::string,
               .default_value = "bidirectional",
               .validator = wants_migration_policy,
               .doc = "Which groups may change their protocol while they have members: upgrade (classic to "
                      "consumer), downgrade (consumer to classic), bidirectional, disabled.",
               .group = kConsumerGroups},
    duration("group.consumer.regex.refresh.interval.ms", "600000",
             "How often regular expressions of subscriptions are matched again although no topic came or went, in "
             "milliseconds.",
             10'000),
    Definition{.name = "group.coordinator.rebalance.protocols",
               .type = ConfigType::list,
               .default_value = "classic,consumer",
               .allowed = "classic,consumer,share,streams",
               .validator = wants_classic,
               .doc = "The protocols of groups that are served. classic must be one of them; share and streams are "
                      "not available.",
               .group = kConsumerGroups},
};

/// Their bounds are the broker's, see validate_group_configs().
constexpr std::array kOverrideRows{
    Definition{.name = "consumer.session.timeout.ms",
               .type = ConfigType::int32,
               .min = 1,
               .dynamic = Dynamic::cluster_wide,
               .broker_name = "group.consumer.session.timeout.ms",
               .doc = "A member of this group that is silent for so long is taken out of it, in milliseconds.",
               .group = kConsumerGroups},
    Definition{.name = "consumer.heartbeat.interval.ms",
               .type = ConfigType::int32,
               .min = 1,
               .dynamic = Dynamic::cluster_wide,
               .broker_name = "group.consumer.heartbeat.interval.ms",
               .doc = "How often members of this group are told to send heartbeats, in milliseconds.",
               .group = kConsumerGroups},
};

}  // namespace

std::span<const Definition> group_rows() { return kRows; }
std::span<const Definition> consumer_group_rows() { return kConsumerRows; }
std::span<const Definition> group_override_rows() { return kOverrideRows; }

}  // namespace sluice::broker::config::tables
