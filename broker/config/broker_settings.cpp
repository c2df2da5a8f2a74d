#include "broker/config/broker_settings.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <set>
#include <string_view>

#include "broker/config/broker_config.hpp"
#include "broker/config/config_error.hpp"
#include "broker/config/read_cluster_settings.hpp"
#include "broker/config/settings_reader.hpp"
#include "broker/config/text.hpp"
#include "protocol/base/assert.hpp"

namespace sluice::broker::config {
namespace {

using std::chrono::milliseconds;

constexpr int kAdminPortAbove = 552;  // 9644 beside 9092

std::map<std::string, SecurityProtocol> read_protocols(const SettingsReader& reader,
                                                       const std::set<std::string>& controller_names) {
  auto protocols = parse_protocol_map(reader.text("listener.security.protocol.map"));
  if (!protocols) {
    reader.complain("listener.security.protocol.map",
                    "must be a list of NAME:PROTOCOL, of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL");
    return {};
  }
  for (const auto& name : controller_names) protocols->try_emplace(name, SecurityProtocol::plaintext);
  return *std::move(protocols);
}

std::set<std::string> read_controller_names(const SettingsReader& reader) {
  std::set<std::string> names;
  for (const auto& name : reader.list("controller.listener.names")) names.insert(to_upper(name));
  return names;
}

void read_listeners(BrokerSettings& settings, const SettingsReader& reader,
                    const std::set<std::string>& controller_names) {
  constexpr std::string_view kName = "listeners";
  const auto protocols = read_protocols(reader, controller_names);
  const auto complaints_before = reader.complaints();
  std::set<std::string> names;
  std::set<std::pair<std::string, int>> addresses;
  for (const auto& entry : reader.list(kName)) {
    const auto listener = parse_listener(entry);
    if (!listener) {
      reader.complain(kName, fmt::format("{} is not of the form NAME://host:port", entry));
      continue;
    }
    const auto& [name, endpoint] = *listener;
    const auto protocol = protocols.find(name);
    if (!names.insert(name).second) reader.complain(kName, fmt::format("two listeners are named {}", name));
    if (endpoint.port != 0 && !addresses.emplace(endpoint.host, endpoint.port).second) {
      reader.complain(kName, fmt::format("two listeners want port {}", endpoint.port));
    }
    if (protocol == protocols.end()) {
      reader.complain(kName, fmt::format("listener.security.protocol.map gives no protocol for {}", name));
    } else if (protocol->second != SecurityProtocol::plaintext) {
      // Opening it without what it asks for would be a hole, so this is no warning.
      reader.complain(kName, fmt::format("{} needs {}, which is not available: only PLAINTEXT is", name,
                                         to_string(protocol->second)));
    } else {
      auto& kind = controller_names.contains(name) ? settings.cluster.controller_listeners : settings.listeners;
      kind.push_back({name, endpoint.host, endpoint.port, protocol->second});
    }
  }
  if (settings.cluster.is_broker && settings.listeners.empty() && reader.complaints() == complaints_before) {
    reader.complain(kName, "must name at least one listener for clients");
  }
}

/// Where a listener is reached unless advertised.listeners says otherwise.
void advertise(std::map<std::string, Endpoint>& advertised, const std::vector<Listener>& listeners) {
  for (const auto& listener : listeners) {
    const auto host = is_every_interface(listener.host) ? machine_name() : listener.host;
    advertised[listener.name] = {host, listener.port};
  }
}

void read_advertised_listeners(BrokerSettings& settings, const SettingsReader& reader) {
  constexpr std::string_view kName = "advertised.listeners";
  auto& of_brokers = settings.advertised_listeners;
  auto& of_controllers = settings.cluster.advertised_controller_listeners;
  advertise(of_brokers, settings.listeners);
  advertise(of_controllers, settings.cluster.controller_listeners);
  for (const auto& entry : reader.list(kName)) {
    const auto advertised = parse_listener(entry);
    if (!advertised) {
      reader.complain(kName, fmt::format("{} is not of the form NAME://host:port", entry));
      continue;
    }
    const auto& [name, endpoint] = *advertised;
    auto& kind = of_controllers.contains(name) ? of_controllers : of_brokers;
    const auto target = kind.find(name);
    if (target == kind.end()) {
      reader.complain(kName, fmt::format("{} is not one of the listeners", name));
    } else if (endpoint.host == "0.0.0.0" || endpoint.host == "::") {
      reader.complain(kName, fmt::format("nobody can connect to {}: give a host name", endpoint.host));
    } else {
      target->second.port = endpoint.port;
      if (!endpoint.host.empty()) target->second.host = endpoint.host;
    }
  }
}

void read_inter_broker_listener(BrokerSettings& settings, const SettingsReader& reader) {
  constexpr std::string_view kName = "inter.broker.listener.name";
  const auto is_listener = [&](const std::string& name) {
    return std::ranges::count(settings.listeners, name, &Listener::name) > 0;
  };
  settings.inter_broker_listener_name = to_upper(reader.text(kName));
  if (!settings.inter_broker_listener_name.empty()) {
    if (settings.cluster.is_broker && !is_listener(settings.inter_broker_listener_name))
      reader.complain(kName, "is not one of the listeners");
    return;
  }
  const auto by_protocol = reader.text("security.inter.broker.protocol");
  if (is_listener(by_protocol) || !settings.cluster.is_broker) {
    settings.inter_broker_listener_name = by_protocol;
  } else if (!settings.listeners.empty()) {
    settings.inter_broker_listener_name = settings.listeners.front().name;
  }
}

void read_admin_listener(BrokerSettings& settings, const SettingsReader& reader) {
  constexpr std::string_view kName = "sluice.admin.listener";
  const auto text = reader.text(kName);
  if (text.empty()) return;
  if (text != "auto") {
    if (const auto endpoint = parse_endpoint(text)) {
      settings.admin_listener = AdminListener{endpoint->host, endpoint->port, true};
    } else {
      reader.complain(kName, "must be host:port, auto, or empty to turn it off");
    }
    return;
  }
  const auto& listeners = settings.listeners.empty() ? settings.cluster.controller_listeners : settings.listeners;
  const int port = listeners.empty() ? 0 : listeners.front().port;
  const bool fits = port + kAdminPortAbove <= std::numeric_limits<std::uint16_t>::max();
  const int admin_port = port == 0 ? 0 : fits ? port + kAdminPortAbove : port - kAdminPortAbove;
  settings.admin_listener = AdminListener{"127.0.0.1", static_cast<std::uint16_t>(admin_port), false};
}

void read_identity(BrokerSettings& settings, const SettingsReader& reader) {
  settings.node_id = BrokerId{reader.small("node.id")};
  if (const auto broker_id = reader.small("broker.id"); broker_id >= 0 && broker_id != settings.node_id.value()) {
    reader.complain("broker.id", fmt::format("contradicts node.id = {}", settings.node_id.value()));
  }
  settings.rack = reader.text("broker.rack");
  const auto roles = reader.list("process.roles");
  settings.cluster.is_broker = std::ranges::count(roles, "broker") > 0;
  settings.cluster.is_controller = std::ranges::count(roles, "controller") > 0;
  if (roles.empty()) reader.complain("process.roles", "must be broker, controller or both");
}

void read_log_dirs(BrokerSettings& settings, const SettingsReader& reader) {
  const std::string_view name = reader.is_set("log.dirs") ? "log.dirs" : "log.dir";
  settings.log_dirs = reader.list(name);
  if (settings.log_dirs.empty()) reader.complain(name, "must name at least one directory");
  auto sorted = settings.log_dirs;
  std::ranges::sort(sorted);
  if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end()) {
    reader.complain(name, fmt::format("{} is named twice", *twice));
  }
}

void read_connections(BrokerSettings& settings, const SettingsReader& reader) {
  settings.socket_send_buffer_bytes = reader.small_limit("socket.send.buffer.bytes");
  settings.socket_receive_buffer_bytes = reader.small_limit("socket.receive.buffer.bytes");
  settings.socket_listen_backlog_size = reader.small("socket.listen.backlog.size");
  settings.max_connections = reader.small("max.connections");
  settings.max_connections_per_ip = reader.small("max.connections.per.ip");
  settings.max_connection_creation_rate = reader.small("max.connection.creation.rate");
  settings.connections_max_idle_ms = reader.duration_limit("connections.max.idle.ms");
  for (const auto& entry : reader.list("max.connections.per.ip.overrides")) {
    const auto colon = entry.rfind(':');
    const auto count = parse_integer(std::string_view{entry}.substr(colon + 1));
    SLUICE_ASSERT(colon != std::string::npos && count, entry);  // the row's validator saw to it
    settings.max_connections_per_ip_overrides[entry.substr(0, colon)] = static_cast<int>(*count);
  }
}

void read_requests(BrokerSettings& settings, const SettingsReader& reader) {
  settings.socket_request_max_bytes = reader.small("socket.request.max.bytes");
  settings.queued_max_request_bytes = reader.limit("queued.max.request.bytes");
  if (settings.queued_max_request_bytes && *settings.queued_max_request_bytes < settings.socket_request_max_bytes) {
    reader.complain("queued.max.request.bytes",
                    fmt::format("must be at least socket.request.max.bytes = {}", settings.socket_request_max_bytes));
  }
  settings.request_memory_bytes = reader.integer("sluice.request.memory.bytes");
  settings.fetch_max_bytes = reader.small("fetch.max.bytes");
  settings.cold_read_ahead = reader.flag("sluice.cold.read.ahead");
  settings.max_incremental_fetch_session_cache_slots = reader.small("max.incremental.fetch.session.cache.slots");
  settings.max_request_partition_size_limit = reader.small("max.request.partition.size.limit");
  settings.shutdown_timeout_ms = reader.duration("sluice.shutdown.timeout.ms");
}

void read_threads(BrokerSettings& settings, const SettingsReader& reader) {
  settings.num_network_threads = reader.small("num.network.threads");
  settings.background_threads = reader.small("background.threads");
  settings.sync_threads = reader.small("sluice.sync.threads");
  settings.num_recovery_threads_per_data_dir = reader.small("num.recovery.threads.per.data.dir");
}

void read_topics_and_logs(BrokerSettings& settings, const SettingsReader& reader) {
  settings.auto_create_topics_enable = reader.flag("auto.create.topics.enable");
  settings.delete_topic_enable = reader.flag("delete.topic.enable");
  settings.num_partitions = reader.small("num.partitions");
  settings.default_replication_factor = reader.small("default.replication.factor");
  settings.log_retention_check_interval_ms = reader.duration("log.retention.check.interval.ms");
  settings.log_flush_offset_checkpoint_interval_ms = reader.duration("log.flush.offset.checkpoint.interval.ms");
  settings.log_flush_start_offset_checkpoint_interval_ms =
      reader.duration("log.flush.start.offset.checkpoint.interval.ms");
  settings.log_flush_scheduler_interval_ms = reader.duration_limit("log.flush.scheduler.interval.ms");
  settings.producer_id_expiration_ms = reader.duration("producer.id.expiration.ms");
}

/// A default must lie within its bounds, and those be in order.
void check_bounds(const SettingsReader& reader, std::string_view name, std::string_view min_name,
                  std::string_view max_name) {
  if (reader.integer(max_name) < reader.integer(min_name)) {
    reader.complain(max_name, fmt::format("must be at least {} = {}", min_name, reader.integer(min_name)));
  } else if (reader.integer(name) < reader.integer(min_name) || reader.integer(name) > reader.integer(max_name)) {
    reader.complain(name, fmt::format("must be between {} = {} and {} = {}", min_name, reader.integer(min_name),
                                      max_name, reader.integer(max_name)));
  }
}

void read_consumer_groups(GroupSettings& groups, const SettingsReader& reader) {
  constexpr std::string_view kSession = "group.consumer.session.timeout.ms";
  constexpr std::string_view kSessionMin = "group.consumer.min.session.timeout.ms";
  constexpr std::string_view kSessionMax = "group.consumer.max.session.timeout.ms";
  constexpr std::string_view kHeartbeat = "group.consumer.heartbeat.interval.ms";
  constexpr std::string_view kHeartbeatMin = "group.consumer.min.heartbeat.interval.ms";
  constexpr std::string_view kHeartbeatMax = "group.consumer.max.heartbeat.interval.ms";
  groups.consumer_session_timeout = reader.duration(kSession);
  groups.consumer_session_timeout_min = reader.duration(kSessionMin);
  groups.consumer_session_timeout_max = reader.duration(kSessionMax);
  groups.consumer_heartbeat_interval = reader.duration(kHeartbeat);
  groups.consumer_heartbeat_interval_min = reader.duration(kHeartbeatMin);
  groups.consumer_heartbeat_interval_max = reader.duration(kHeartbeatMax);
  const auto complaints_before = reader.complaints();
  check_bounds(reader, kSession, kSessionMin, kSessionMax);
  check_bounds(reader, kHeartbeat, kHeartbeatMin, kHeartbeatMax);
  const bool within_bounds = reader.complaints() == complaints_before;
  if (within_bounds && groups.consumer_heartbeat_interval >= groups.consumer_session_timeout) {
    reader.complain(kHeartbeat, fmt::format("must be less than {} = {}", kSession, reader.integer(kSession)));
  }
  groups.consumer_size_max = reader.small("group.consumer.max.size");
  groups.consumer_assignors.clear();
  for (const auto& name : reader.list("group.consumer.assignors")) {
    groups.consumer_assignors.push_back(parse_assignor(name).value());  // the row's validator saw to it
  }
  groups.consumer_migration_policy = parse_migration_policy(reader.text("group.consumer.migration.policy")).value();
  groups.consumer_regex_refresh_interval = reader.duration("group.consumer.regex.refresh.interval.ms");
  groups.consumer_protocol = std::ranges::count(reader.list("group.coordinator.rebalance.protocols"), "consumer") > 0;
}

void read_groups(GroupSettings& groups, const SettingsReader& reader) {
  groups.initial_rebalance_delay = reader.duration("group.initial.rebalance.delay.ms");
  groups.session_timeout_min = reader.duration("group.min.session.timeout.ms");
  groups.session_timeout_max = reader.duration("group.max.session.timeout.ms");
  if (groups.session_timeout_max < groups.session_timeout_min) {
    reader.complain("group.max.session.timeout.ms", "must be at least group.min.session.timeout.ms");
  }
  groups.size_max = reader.small("group.max.size");
  groups.offset_metadata_max_bytes = reader.small("offset.metadata.max.bytes");
  groups.offsets_retention = std::chrono::minutes{reader.integer("offsets.retention.minutes")};
  groups.offsets_retention_check_interval = reader.duration("offsets.retention.check.interval.ms");
  groups.offsets_topic_num_partitions = reader.small("offsets.topic.num.partitions");
  groups.offsets_topic_replication_factor = static_cast<std::int16_t>(reader.small("offsets.topic.replication.factor"));
  groups.offsets_topic_segment_bytes = reader.small("offsets.topic.segment.bytes");
  read_consumer_groups(groups, reader);
}

}  // namespace

BrokerSettings make_broker_settings(const BrokerConfig& config, const std::vector<std::string>& join,
                                    std::vector<ConfigError>& errors) {
  const SettingsReader reader{config, errors};
  const auto controller_names = read_controller_names(reader);
  BrokerSettings settings;
  read_identity(settings, reader);
  read_listeners(settings, reader, controller_names);
  read_advertised_listeners(settings, reader);
  read_inter_broker_listener(settings, reader);
  read_admin_listener(settings, reader);
  read_log_dirs(settings, reader);
  settings.replica_move_bytes_per_second = reader.limit("replica.alter.log.dirs.io.max.bytes.per.second");
  settings.scrub_bytes_per_second = static_cast<std::uint64_t>(reader.integer("sluice.scrub.bytes.per.second"));
  settings.scrub_interval_ms = reader.duration("sluice.scrub.interval.ms");
  if (const auto reserve = reader.limit("sluice.disk.reserve.bytes")) {
    settings.disk_reserve_bytes = static_cast<std::uint64_t>(*reserve);
  }
  read_threads(settings, reader);
  read_connections(settings, reader);
  read_requests(settings, reader);
  read_topics_and_logs(settings, reader);
  settings.cleaner = read_cleaner_settings(config);
  read_groups(settings.groups, reader);
  read_cluster_settings(settings, reader, join);
  return settings;
}

}  // namespace sluice::broker::config
