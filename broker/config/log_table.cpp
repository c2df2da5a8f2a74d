#include <array>

#include "broker/config/tables.hpp"

namespace sluice::broker::config::tables {
namespace {

constexpr std::string_view kTopics = "Topics";
constexpr std::string_view kLogs = "Data directories and housekeeping";
constexpr std::string_view kDefaults = "Defaults of topics";

/// The settings that are defaults of topic settings are not here: definition.cpp derives them from the topic table.
constexpr std::array kRows{
    Definition{.name = "auto.create.topics.enable",
               .type = ConfigType::boolean,
               .default_value = "true",
               .doc = "A client's request for metadata of an unknown topic creates it.",
               .group = kTopics},
    Definition{.name = "delete.topic.enable",
               .type = ConfigType::boolean,
               .default_value = "true",
               .doc = "Topics can be deleted.",
               .group = kTopics},
    Definition{.name = "num.partitions",
               .type = ConfigType::int32,
               .default_value = "1",
               .min = 1,
               .doc = "Partitions of a topic that is created without saying how many.",
               .group = kTopics},
    Definition{.name = "default.replication.factor",
               .type = ConfigType::int32,
               .default_value = "1",
               .min = 1,
               .max = 32767,
               .doc = "Replicas of a topic that is created without saying how many.",
               .group = kTopics},
    Definition{.name = "log.dirs",
               .type = ConfigType::list,
               .doc = "Directories that hold the data. Unset: log.dir.",
               .group = kLogs},
    Definition{.name = "log.dir",
               .type = ConfigType::list,
               .computed_default = true,
               .doc = "The data directory, where log.dirs is not set. Default: sluice under $XDG_DATA_HOME, else under "
                      "~/.local/share.",
               .group = kLogs},
    Definition{.name = "log.retention.check.interval.ms",
               .type = ConfigType::int64,
               .default_value = "300000",
               .min = 1,
               .doc = "How often logs are looked at for records that may be deleted, in milliseconds.",
               .group = kLogs},
    Definition{.name = "log.flush.offset.checkpoint.interval.ms",
               .type = ConfigType::int32,
               .default_value = "60000",
               .min = 0,
               .doc = "How often the points from which a recovery would scan are written down, in milliseconds.",
               .group = kLogs},
    Definition{.name = "log.flush.start.offset.checkpoint.interval.ms",
               .type = ConfigType::int32,
               .default_value = "60000",
               .min = 0,
               .doc = "How often the log start offsets are written down, in milliseconds.",
               .group = kLogs},
    Definition{.name = "log.flush.scheduler.interval.ms",
               .type = ConfigType::int64,
               .default_value = "9223372036854775807",
               .min = 1,
               .doc = "How often logs are looked at for a flush that is due, in milliseconds.",
               .group = kLogs},
    Definition{.name = "producer.id.expiration.ms",
               .type = ConfigType::int32,
               .default_value = "86400000",
               .min = 1,
               .dynamic = Dynamic::cluster_wide,
               .doc = "How long the state of an idempotent producer outlives its last record, in milliseconds.",
               .group = kLogs},
    Definition{.name = "log.retention.minutes",
               .type = ConfigType::int32,
               .min = -1,
               .doc = "As log.retention.ms, in minutes, where that is not set.",
               .group = kDefaults},
    Definition{.name = "log.retention.hours",
               .type = ConfigType::int32,
               .default_value = "168",
               .min = -1,
               .doc = "As log.retention.ms, in hours, where neither that nor log.retention.minutes is set.",
               .group = kDefaults},
    Definition{.name = "log.roll.hours",
               .type = ConfigType::int32,
               .default_value = "168",
               .min = 1,
               .doc = "As log.roll.ms, in hours, where that is not set.",
               .group = kDefaults},
    Definition{.name = "log.roll.jitter.hours",
               .type = ConfigType::int32,
               .default_value = "0",
               .min = 0,
               .doc = "As log.roll.jitter.ms, in hours, where that is not set.",
               .group = kDefaults},
};

}  // namespace

std::span<const Definition> log_rows() { return kRows; }

}  // namespace sluice::broker::config::tables
