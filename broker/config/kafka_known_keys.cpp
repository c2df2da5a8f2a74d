#include <array>

#include "broker/config/tables.hpp"

namespace sluice::broker::config::tables {
namespace {

/// Kafka 4.3: controllers, replication, cleaning, metrics and whatever has no file of its own.
constexpr std::array kRows{
    KnownKey{"alter.config.policy.class.name", ConfigType::class_name, "null"},
    KnownKey{"config.providers", ConfigType::list, ""},
    KnownKey{"controller.performance.always.log.threshold.ms", ConfigType::int64, "2000"},
    KnownKey{"controller.performance.sample.period.ms", ConfigType::int64, "60000"},
    KnownKey{"controller.quorum.append.linger.ms", ConfigType::int32, "25"},
    KnownKey{"controller.quorum.auto.join.enable", ConfigType::boolean, "false"},
    KnownKey{"controller.quorum.election.backoff.max.ms", ConfigType::int32, "1000"},
    KnownKey{"controller.quorum.fetch.max.bytes", ConfigType::int32, "1048576"},
    KnownKey{"controller.quorum.fetch.snapshot.max.bytes", ConfigType::int32, "1048576"},
    KnownKey{"controller.quorum.fetch.timeout.ms", ConfigType::int32, "2000"},
    KnownKey{"controller.quorum.request.timeout.ms", ConfigType::int32, "2000"},
    KnownKey{"controller.quorum.retry.backoff.ms", ConfigType::int32, "20"},
    KnownKey{"controller.socket.timeout.ms", ConfigType::int32, "30000"},
    KnownKey{"cordoned.log.dirs", ConfigType::list, ""},
    KnownKey{"create.topic.policy.class.name", ConfigType::class_name, "null"},
    KnownKey{"delete.records.purgatory.purge.interval.requests", ConfigType::int32, "1"},
    KnownKey{"early.start.listeners", ConfigType::list, "null"},
    KnownKey{"fetch.purgatory.purge.interval.requests", ConfigType::int32, "1000"},
    KnownKey{"follower.replication.throttled.rate", ConfigType::int64, "9223372036854775807"},
    KnownKey{"initial.broker.registration.timeout.ms", ConfigType::int32, "60000"},
    KnownKey{"internal.metadata.delete.delay.millis", ConfigType::int64, "60000"},
    KnownKey{"internal.metadata.log.segment.bytes", ConfigType::int32, "null"},
    KnownKey{"internal.metadata.max.batch.size.in.bytes", ConfigType::int32, "8388608"},
    KnownKey{"kafka.metrics.polling.interval.secs", ConfigType::int32, "10"},
    KnownKey{"kafka.metrics.reporters", ConfigType::list, ""},
    KnownKey{"leader.replication.throttled.rate", ConfigType::int64, "9223372036854775807"},
    KnownKey{"log.dir.failure.timeout.ms", ConfigType::int64, "30000"},
    KnownKey{"log.initial.task.delay.ms", ConfigType::int64, "30000"},
    KnownKey{"metadata.log.segment.bytes", ConfigType::int32, "1073741824"},
    KnownKey{"metadata.log.segment.ms", ConfigType::int64, "604800000"},
    KnownKey{"metadata.max.idle.interval.ms", ConfigType::int32, "500"},
    KnownKey{"metadata.max.retention.bytes", ConfigType::int64, "104857600"},
    KnownKey{"metadata.max.retention.ms", ConfigType::int64, "604800000"},
    KnownKey{"metric.reporters", ConfigType::list, "org.apache.kafka.common.metrics.JmxReporter"},
    KnownKey{"metrics.num.samples", ConfigType::int32, "2"},
    KnownKey{"metrics.recording.level", ConfigType::string, "INFO"},
    KnownKey{"metrics.sample.window.ms", ConfigType::int64, "30000"},
    KnownKey{"num.io.threads", ConfigType::int32, "8"},
    KnownKey{"num.replica.alter.log.dirs.threads", ConfigType::int32, "null"},
    KnownKey{"producer.id.expiration.check.interval.ms", ConfigType::int32, "600000"},
    KnownKey{"producer.purgatory.purge.interval.requests", ConfigType::int32, "1000"},
    KnownKey{"queued.max.requests", ConfigType::int32, "500"},
    KnownKey{"replica.high.watermark.checkpoint.interval.ms", ConfigType::int64, "5000"},
    KnownKey{"replica.selector.class", ConfigType::string, "null"},
    KnownKey{"replica.socket.receive.buffer.bytes", ConfigType::int32, "65536"},
    KnownKey{"server.max.startup.time.ms", ConfigType::int64, "9223372036854775807"},
    KnownKey{"socket.connection.setup.timeout.max.ms", ConfigType::int64, "30000"},
    KnownKey{"socket.connection.setup.timeout.ms", ConfigType::int64, "10000"},
    KnownKey{"unclean.leader.election.interval.ms", ConfigType::int64, "300000"},
    KnownKey{"unstable.api.versions.enable", ConfigType::boolean, "false"},
    KnownKey{"unstable.feature.versions.enable", ConfigType::boolean, "false"},
};

}  // namespace

std::span<const KnownKey> kafka_rows() { return kRows; }

}  // namespace sluice::broker::config::tables
