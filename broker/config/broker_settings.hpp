#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/config/cleaner_settings.hpp"
#include "broker/config/cluster_settings.hpp"
#include "broker/config/group_settings.hpp"
#include "broker/config/listener.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::broker::config {

class BrokerConfig;
struct ConfigError;

struct AdminListener {
  std::string host;
  std::uint16_t port = 0;
  bool required = false;  ///< set by hand: failing to bind it stops the start; else it is one warning line

  bool operator==(const AdminListener&) const = default;
};

/// The broker's own settings, typed and checked. Topic-level defaults are in TopicSettings (topic_settings.hpp).
struct BrokerSettings {
  // Identity and addresses.
  BrokerId node_id{1};
  std::string rack;                 ///< empty: none
  std::vector<Listener> listeners;  ///< the sockets for clients and brokers; no controller listeners
  std::map<std::string, Endpoint> advertised_listeners;  ///< by listener name, one for each of `listeners`; port 0: the
                                                         ///< port that the listener got
  std::string inter_broker_listener_name;                ///< one of `listeners`; of a mere controller: the brokers'
  std::optional<AdminListener> admin_listener;           ///< health, metrics, console; nullopt: off
  std::vector<std::string> log_dirs;                     ///< absolute or as given; at least one
  std::optional<std::int64_t> replica_move_bytes_per_second;
  std::uint64_t scrub_bytes_per_second = 0;  ///< 0: off
  std::chrono::milliseconds scrub_interval_ms{0};
  std::optional<std::uint64_t> disk_reserve_bytes;  ///< of each of their disks; nullopt: a share of it

  // Threads.
  int num_network_threads = 1;
  int background_threads = 10;
  int sync_threads = 64;
  int num_recovery_threads_per_data_dir = 2;

  // Connections and requests.
  std::optional<int> socket_send_buffer_bytes;     ///< nullopt: the system's own choice
  std::optional<int> socket_receive_buffer_bytes;  ///< nullopt: the system's own choice
  int socket_listen_backlog_size = 50;
  std::int32_t socket_request_max_bytes = 104857600;
  int max_connections = 2147483647;  ///< of the broker, over all listeners
  int max_connections_per_ip = 2147483647;
  std::map<std::string, int> max_connections_per_ip_overrides;  ///< by host name or address
  int max_connection_creation_rate = 2147483647;                ///< per second
  std::optional<std::chrono::milliseconds> connections_max_idle_ms = std::chrono::minutes{10};  ///< nullopt: never
  std::optional<std::int64_t> queued_max_request_bytes;  ///< nullopt: only the memory budget below limits
  std::int64_t request_memory_bytes = 256LL << 20;       ///< budget of requests being read or handled
  std::int32_t fetch_max_bytes = 57671680;               ///< of one Fetch response
  bool cold_read_ahead = true;                           ///< else an io thread waits for the disk itself
  int max_incremental_fetch_session_cache_slots = 1000;
  int max_request_partition_size_limit = 2000;  ///< partitions in one DescribeTopicPartitions response
  std::chrono::milliseconds shutdown_timeout_ms = std::chrono::seconds{30};

  // Topics.
  bool auto_create_topics_enable = true;
  bool delete_topic_enable = true;
  int num_partitions = 1;
  int default_replication_factor = 1;

  // Logs.
  std::chrono::milliseconds log_retention_check_interval_ms = std::chrono::minutes{5};
  std::chrono::milliseconds log_flush_offset_checkpoint_interval_ms = std::chrono::minutes{1};
  std::chrono::milliseconds log_flush_start_offset_checkpoint_interval_ms = std::chrono::minutes{1};
  std::optional<std::chrono::milliseconds> log_flush_scheduler_interval_ms;  ///< how often flush.ms is checked
  std::chrono::milliseconds producer_id_expiration_ms = std::chrono::hours{24};

  ClusterSettings cluster;
  CleanerSettings cleaner;
  GroupSettings groups;
};

/// Derives the typed settings. What the table alone cannot judge (listeners against each other, roles) is checked here:
/// each complaint is appended to `errors`, and the result must not be used unless none was. `join` holds the values of
/// --join.
BrokerSettings make_broker_settings(const BrokerConfig& config, const std::vector<std::string>& join,
                                    std::vector<ConfigError>& errors);

}  // namespace sluice::broker::config
