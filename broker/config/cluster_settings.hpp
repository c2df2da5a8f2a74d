#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "broker/config/listener.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::broker::config {

struct QuorumVoter {
  BrokerId id;
  Endpoint endpoint;
  bool operator==(const QuorumVoter&) const = default;
};

/// What a node is to its cluster, how it finds it, and how the cluster notices that it is gone.
struct ClusterSettings {
  bool is_broker = true;  ///< process.roles
  bool is_controller = true;
  std::vector<Listener>
      controller_listeners;  ///< those of `listeners` that controller.listener.names names, opened too
  /// By listener name; port 0: the port that the listener got.
  std::map<std::string, Endpoint> advertised_controller_listeners;
  std::vector<QuorumVoter> voters;  ///< controller.quorum.voters: the voters of an empty log
  /// controller.quorum.bootstrap.servers; none where `voters` are given, or where it names this node alone.
  std::vector<Endpoint> bootstrap_servers;
  std::vector<Endpoint> join;     ///< sluiced --join: addresses of a cluster that is there already
  bool node_id_is_given = false;  ///< else a joining node is given one

  std::chrono::milliseconds election_timeout{1000};  ///< controller.quorum.election.timeout.ms
  std::chrono::milliseconds raft_heartbeat_interval{100};
  std::int64_t snapshot_bytes = 20 << 20;                ///< metadata.log.max.record.bytes.between.snapshots
  std::chrono::milliseconds snapshot_interval{3600000};  ///< metadata.log.max.snapshot.interval.ms
  std::string metadata_log_dir;                          ///< metadata.log.dir; empty: the first of log.dirs
  std::chrono::milliseconds heartbeat_interval{2000};    ///< broker.heartbeat.interval.ms
  std::chrono::milliseconds session_timeout{9000};       ///< broker.session.timeout.ms
  std::int32_t capacity = 1;                             ///< sluice.capacity
  std::chrono::milliseconds request_timeout{30000};      ///< request.timeout.ms: of a forwarded request

  bool controlled_shutdown = true;  ///< controlled.shutdown.enable
  bool balances_leaders = true;     ///< auto.leader.rebalance.enable
  std::chrono::milliseconds leader_check_interval{300000};
  int leader_imbalance_percent = 10;

  int replica_fetchers = 1;                               ///< num.replica.fetchers: connections to each leader
  std::chrono::milliseconds replica_lag_max{30000};       ///< replica.lag.time.max.ms
  std::chrono::milliseconds replica_fetch_wait_max{500};  ///< replica.fetch.wait.max.ms
  std::int32_t replica_fetch_min_bytes = 1;
  std::int32_t replica_fetch_max_bytes = 1 << 20;  ///< of one partition
  std::int32_t replica_fetch_response_max_bytes = 10 << 20;
  std::chrono::milliseconds replica_fetch_backoff{1000};    ///< replica.fetch.backoff.ms
  std::chrono::milliseconds replica_socket_timeout{30000};  ///< replica.socket.timeout.ms

  /// The whole quorum, and nobody else is named.
  bool is_alone() const noexcept {
    return is_controller && voters.size() <= 1 && bootstrap_servers.empty() && join.empty();
  }
};

}  // namespace sluice::broker::config
