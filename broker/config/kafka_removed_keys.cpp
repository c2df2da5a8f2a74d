#include <array>

#include "broker/config/tables.hpp"

namespace sluice::broker::config::tables {
namespace {

/// Of Kafka 3 and before: gone from Kafka 4, and still found in files. zookeeper.* is told apart in load.cpp.
constexpr std::array kRows{
    KnownKey{"advertised.host.name", ConfigType::string, "null"},
    KnownKey{"advertised.port", ConfigType::int32, "null"},
    KnownKey{"auto.include.jmx.reporter", ConfigType::boolean, "true"},
    KnownKey{"broker.id.generation.enable", ConfigType::boolean, "true"},
    KnownKey{"control.plane.listener.name", ConfigType::string, "null"},
    KnownKey{"controlled.shutdown.max.retries", ConfigType::int32, "3"},
    KnownKey{"controlled.shutdown.retry.backoff.ms", ConfigType::int64, "5000"},
    KnownKey{"delegation.token.master.key", ConfigType::password, "null"},
    KnownKey{"eligible.leader.replicas.enable", ConfigType::boolean, "false"},
    KnownKey{"group.coordinator.new.enable", ConfigType::boolean, "false"},
    KnownKey{"host.name", ConfigType::string, ""},
    KnownKey{"inter.broker.protocol.version", ConfigType::string, "null"},
    KnownKey{"log.message.downconversion.enable", ConfigType::boolean, "true"},
    KnownKey{"log.message.format.version", ConfigType::string, "null"},
    KnownKey{"log.message.timestamp.difference.max.ms", ConfigType::int64, "9223372036854775807"},
    KnownKey{"offsets.commit.required.acks", ConfigType::int16, "-1"},
    KnownKey{"password.encoder.cipher.algorithm", ConfigType::string, "AES/CBC/PKCS5Padding"},
    KnownKey{"password.encoder.iterations", ConfigType::int32, "4096"},
    KnownKey{"password.encoder.key.length", ConfigType::int32, "128"},
    KnownKey{"password.encoder.keyfactory.algorithm", ConfigType::string, "null"},
    KnownKey{"password.encoder.old.secret", ConfigType::password, "null"},
    KnownKey{"password.encoder.secret", ConfigType::password, "null"},
    KnownKey{"port", ConfigType::int32, "9092"},
    KnownKey{"quota.consumer.default", ConfigType::int64, "9223372036854775807"},
    KnownKey{"quota.producer.default", ConfigType::int64, "9223372036854775807"},
    KnownKey{"reserved.broker.max.id", ConfigType::int32, "1000"},
    KnownKey{"unstable.metadata.versions.enable", ConfigType::boolean, "false"},
};

}  // namespace

std::span<const KnownKey> kafka_removed_rows() { return kRows; }

}  // namespace sluice::broker::config::tables
