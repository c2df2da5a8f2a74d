#pragma once

#include <span>

#include "broker/config/definition.hpp"

/// The data behind definition.hpp, one file per group of settings.
namespace sluice::broker::config::tables {

std::span<const Definition> identity_rows();        ///< identity_table.cpp: who the broker is and where it listens
std::span<const Definition> cluster_rows();         ///< cluster_table.cpp: quorum, sessions, replication
std::span<const Definition> server_rows();          ///< server_table.cpp: threads, connections, requests
std::span<const Definition> log_rows();             ///< log_table.cpp: directories, topics, housekeeping
std::span<const Definition> cleaner_rows();         ///< cleaner_table.cpp: compaction
std::span<const Definition> group_rows();           ///< group_table.cpp: consumer groups and their offsets
std::span<const Definition> consumer_group_rows();  ///< group_table.cpp: groups of the consumer protocol
std::span<const Definition> group_override_rows();  ///< group_table.cpp: what one group may override
std::span<const Definition> topic_rows();           ///< topic_table.cpp: what a topic may override
std::span<const KnownKey> kafka_rows();             ///< kafka_known_keys.cpp
std::span<const KnownKey> kafka_security_rows();    ///< kafka_known_security_keys.cpp
std::span<const KnownKey> kafka_group_rows();       ///< kafka_known_group_keys.cpp: groups, transactions, tiers
std::span<const KnownKey> kafka_removed_rows();     ///< kafka_removed_keys.cpp: of Kafka 3 and before

}  // namespace sluice::broker::config::tables
