#include <array>

#include "broker/config/tables.hpp"

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

}  // namespace

std::span<const Definition> group_rows() { return kRows; }

}  // namespace sluice::broker::config::tables
