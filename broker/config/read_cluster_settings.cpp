#include "broker/config/read_cluster_settings.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <set>
#include <string_view>
#include <utility>

#include "broker/config/text.hpp"

namespace sluice::broker::config {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kVoters = "controller.quorum.voters";
constexpr std::string_view kServers = "controller.quorum.bootstrap.servers";
constexpr std::string_view kControllerNames = "controller.listener.names";
constexpr int kHeartbeatsPerElection = 4;  // at least: one that is late or lost must not cost a leader its office

/// An address to connect to.
std::optional<Endpoint> parse_target(std::string_view text) {
  auto endpoint = parse_endpoint(text);
  if (!endpoint || endpoint->host.empty() || endpoint->port == 0) return std::nullopt;
  return endpoint;
}

std::optional<QuorumVoter> parse_voter(std::string_view text) {
  const auto at = text.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const auto id = parse_integer(trim(text.substr(0, at)));
  auto endpoint = parse_target(text.substr(at + 1));
  if (!id || *id < 0 || *id > std::numeric_limits<std::int32_t>::max() || !endpoint) return std::nullopt;
  return QuorumVoter{BrokerId{static_cast<std::int32_t>(*id)}, std::move(*endpoint)};
}

void read_voters(ClusterSettings& cluster, const SettingsReader& reader) {
  std::set<BrokerId> ids;
  std::set<std::pair<std::string, std::uint16_t>> addresses;
  for (const auto& entry : reader.list(kVoters)) {
    auto voter = parse_voter(entry);
    if (!voter) {
      reader.complain(kVoters, fmt::format("{} is not of the form id@host:port", entry));
      continue;
    }
    if (!ids.insert(voter->id).second) reader.complain(kVoters, fmt::format("two have id {}", voter->id.value()));
    if (!addresses.emplace(voter->endpoint.host, voter->endpoint.port).second) {
      reader.complain(kVoters, fmt::format("two are at {}:{}", voter->endpoint.host, voter->endpoint.port));
    }
    cluster.voters.push_back(*std::move(voter));
  }
  std::ranges::sort(cluster.voters, {}, &QuorumVoter::id);
}

void read_join(ClusterSettings& cluster, const SettingsReader& reader, const std::vector<std::string>& join) {
  for (const auto& given : join) {
    for (const auto& entry : split_list(given)) {
      if (auto endpoint = parse_target(entry)) {
        cluster.join.push_back(*std::move(endpoint));
      } else {
        reader.complain_of("--join", fmt::format("{}: must be HOST:PORT", entry));
      }
    }
  }
}

bool is_loopback(std::string_view host) { return host == "localhost" || host == "127.0.0.1" || host == "::1"; }

/// As far as the text tells: another name of this machine is not recognised.
bool is_this_node(const BrokerSettings& settings, const Endpoint& endpoint) {
  const bool has_own = !settings.cluster.controller_listeners.empty();
  const auto& listeners = has_own ? settings.cluster.controller_listeners : settings.listeners;
  const auto& advertised = has_own ? settings.cluster.advertised_controller_listeners : settings.advertised_listeners;
  return std::ranges::any_of(listeners, [&](const Listener& listener) {
    if (const auto told = advertised.find(listener.name); told != advertised.end() && told->second == endpoint) {
      return true;
    }
    if (listener.port != endpoint.port) return false;
    if (listener.host == endpoint.host || (is_loopback(listener.host) && is_loopback(endpoint.host))) return true;
    return is_every_interface(listener.host) && (is_loopback(endpoint.host) || endpoint.host == machine_name());
  });
}

void read_bootstrap_servers(BrokerSettings& settings, const SettingsReader& reader) {
  auto& servers = settings.cluster.bootstrap_servers;
  for (const auto& entry : reader.list(kServers)) {
    auto endpoint = parse_target(entry);
    if (!endpoint) {
      reader.complain(kServers, fmt::format("{} is not of the form host:port", entry));
    } else if (std::ranges::count(servers, *endpoint) == 0) {
      servers.push_back(*std::move(endpoint));
    }
  }
  const bool names_itself =
      std::ranges::all_of(servers, [&](const Endpoint& server) { return is_this_node(settings, server); });
  if (!settings.cluster.voters.empty() || (settings.cluster.is_controller && names_itself)) servers.clear();
}

void check_controller(const BrokerSettings& settings, const SettingsReader& reader) {
  const auto& cluster = settings.cluster;
  const auto self = std::ranges::find(cluster.voters, settings.node_id, &QuorumVoter::id);
  const bool is_named = self != cluster.voters.end();
  if (!cluster.voters.empty() && !is_named && cluster.join.empty()) {
    reader.complain(
        kVoters, fmt::format("must name node.id = {}, whose process.roles has controller", settings.node_id.value()));
  }
  if (!cluster.controller_listeners.empty()) return;
  if (!reader.list(kControllerNames).empty()) {
    reader.complain(kControllerNames, "must name one of listeners, as process.roles has controller");
  } else if (is_named && cluster.voters.size() > 1 &&
             std::ranges::count(settings.listeners, self->endpoint.port, &Listener::port) == 0) {
    reader.complain(kControllerNames, fmt::format("must name the listener at which other voters reach {}:{}",
                                                  self->endpoint.host, self->endpoint.port));
  }
}

void check_mere_broker(const BrokerSettings& settings, const SettingsReader& reader) {
  const auto& cluster = settings.cluster;
  if (std::ranges::count(cluster.voters, settings.node_id, &QuorumVoter::id) > 0) {
    reader.complain(kVoters, fmt::format("must not name node.id = {}, whose process.roles is broker alone",
                                         settings.node_id.value()));
  }
  if (cluster.voters.empty() && cluster.bootstrap_servers.empty() && cluster.join.empty()) {
    reader.complain("process.roles",
                    fmt::format("a broker alone needs {}, {} or --join to find its controllers", kServers, kVoters));
  }
  if (!cluster.controller_listeners.empty()) {
    reader.complain(kControllerNames, fmt::format("{} must not be one of listeners, as process.roles is broker alone",
                                                  cluster.controller_listeners.front().name));
  }
}

void check_roles(const BrokerSettings& settings, const SettingsReader& reader) {
  const auto& cluster = settings.cluster;
  if (!cluster.is_broker && !cluster.is_controller) return;  // complained of already
  if (cluster.is_controller) {
    check_controller(settings, reader);
  } else {
    check_mere_broker(settings, reader);
  }
  if (!cluster.is_broker && !settings.listeners.empty()) {
    reader.complain("listeners", fmt::format("{} must be one of controller.listener.names, as process.roles is "
                                             "controller alone",
                                             settings.listeners.front().name));
  }
  if (!cluster.is_alone() && cluster.join.empty() && !cluster.node_id_is_given) {
    reader.complain("node.id", "must be given where there are other nodes");
  }
}

void read_quorum(ClusterSettings& cluster, const SettingsReader& reader) {
  cluster.election_timeout = reader.duration("controller.quorum.election.timeout.ms");
  cluster.raft_heartbeat_interval =
      std::clamp(reader.duration("sluice.quorum.heartbeat.interval.ms"), milliseconds{1},
                 std::max(cluster.election_timeout / kHeartbeatsPerElection, milliseconds{1}));
  cluster.snapshot_bytes = reader.integer("metadata.log.max.record.bytes.between.snapshots");
  cluster.snapshot_interval = reader.duration("metadata.log.max.snapshot.interval.ms");
  if (cluster.snapshot_interval.count() == 0) cluster.snapshot_interval = std::chrono::hours{24 * 365 * 100};
  cluster.metadata_log_dir = reader.text("metadata.log.dir");
  cluster.request_timeout = reader.duration("request.timeout.ms");
}

void read_sessions(ClusterSettings& cluster, const SettingsReader& reader) {
  constexpr std::string_view kHeartbeat = "broker.heartbeat.interval.ms";
  cluster.heartbeat_interval = reader.duration(kHeartbeat);
  cluster.session_timeout = reader.duration("broker.session.timeout.ms");
  if (cluster.heartbeat_interval * 2 > cluster.session_timeout) {
    reader.complain(kHeartbeat, fmt::format("must be at most half of broker.session.timeout.ms = {}",
                                            cluster.session_timeout.count()));
  }
  cluster.capacity = reader.small("sluice.capacity");
  cluster.controlled_shutdown = reader.flag("controlled.shutdown.enable");
  cluster.balances_leaders = reader.flag("auto.leader.rebalance.enable");
  cluster.leader_check_interval = std::chrono::seconds{reader.integer("leader.imbalance.check.interval.seconds")};
  cluster.leader_imbalance_percent = reader.small("leader.imbalance.per.broker.percentage");
}

void read_replication(ClusterSettings& cluster, const SettingsReader& reader) {
  constexpr std::string_view kWait = "replica.fetch.wait.max.ms";
  cluster.replica_fetchers = reader.small("num.replica.fetchers");
  cluster.replica_lag_max = reader.duration("replica.lag.time.max.ms");
  cluster.replica_fetch_wait_max = reader.duration(kWait);
  cluster.replica_fetch_min_bytes = reader.small("replica.fetch.min.bytes");
  cluster.replica_fetch_max_bytes = reader.small("replica.fetch.max.bytes");
  cluster.replica_fetch_response_max_bytes = reader.small("replica.fetch.response.max.bytes");
  cluster.replica_fetch_backoff = reader.duration("replica.fetch.backoff.ms");
  cluster.replica_socket_timeout = reader.duration("replica.socket.timeout.ms");
  if (cluster.replica_fetch_wait_max > cluster.replica_socket_timeout) {
    reader.complain(kWait, "must be at most replica.socket.timeout.ms");
  }
  if (cluster.replica_fetch_wait_max > cluster.replica_lag_max) {
    reader.complain(kWait, "must be at most replica.lag.time.max.ms, or idle followers would drop out of sync");
  }
}

}  // namespace

void read_cluster_settings(BrokerSettings& settings, const SettingsReader& reader,
                           const std::vector<std::string>& join) {
  auto& cluster = settings.cluster;
  cluster.node_id_is_given = reader.is_given("node.id");
  const auto complaints_before = reader.complaints();
  read_voters(cluster, reader);
  read_join(cluster, reader, join);
  read_bootstrap_servers(settings, reader);
  if (reader.complaints() == complaints_before) check_roles(settings, reader);
  read_quorum(cluster, reader);
  read_sessions(cluster, reader);
  read_replication(cluster, reader);
}

}  // namespace sluice::broker::config
