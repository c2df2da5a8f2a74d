#include "tests/sim/node/settings.hpp"

#include <algorithm>

namespace sluice::sim {

using std::chrono::milliseconds;

Settings draw_settings(Random& random) {
  Settings settings;
  settings.nodes = static_cast<int>(random.one_of<std::int64_t>({1, 2, 3, 3, 3, 4, 5, 5, 7}));
  settings.voters = std::min(settings.nodes, static_cast<int>(random.one_of<std::int64_t>({1, 3, 3, 3, 5})));
  settings.raft.election_timeout = random.one_of<Duration>({500ms, 1s, 2s});
  settings.raft.heartbeat_interval = settings.raft.election_timeout / random.one_of<std::int64_t>({3, 4, 5});
  settings.raft.append_bytes_max = static_cast<std::size_t>(random.one_of<std::int64_t>({100, 2000, 256 << 10}));
  settings.raft.snapshot_chunk_bytes = static_cast<std::size_t>(random.one_of<std::int64_t>({100, 1000, 256 << 10}));
  settings.controller.session_timeout = random.one_of<milliseconds>({3s, 6s, 9s});
  settings.controller.new_cluster_id = "simulated";
  settings.controller.leader_check_interval = random.one_of<milliseconds>({5s, 20s, 300s});
  settings.controller.imbalance_percent = static_cast<int>(random.one_of<std::int64_t>({0, 10}));
  settings.lifecycle.heartbeat_interval = settings.controller.session_timeout / random.one_of<std::int64_t>({3, 5});
  settings.heartbeat_timeout = std::max(settings.lifecycle.heartbeat_interval, milliseconds{1000});
  settings.request_timeout = random.one_of<milliseconds>({2s, 10s, 30s});
  settings.fetch.wait_max = random.one_of<milliseconds>({500ms, 1s, 2s});
  settings.fetch.partition_bytes_max = static_cast<std::int32_t>(random.one_of<std::int64_t>({100, 1000, 1 << 20}));
  settings.fetch.response_bytes_max = static_cast<std::int32_t>(random.one_of<std::int64_t>({300, 10 << 20}));
  settings.fetch_timeout = random.one_of<milliseconds>({2s, 5s, 30s});
  settings.lag_max = random.one_of<milliseconds>({3s, 10s, 30s});
  settings.snapshot_entries = random.one_of<std::int64_t>({20, 100, 1000});
  settings.encodes = random.percent(25);
  settings.sync_max = random.one_of<Duration>({300us, 3ms, 30ms});
  settings.publish_max = random.one_of<Duration>({100us, 2ms, 200ms});
  settings.drift_ppm_max = random.one_of<std::int64_t>({0, 200, 5000});
  settings.checkpoint_interval = random.one_of<Duration>({1s, 5s, 60s});
  settings.topics = static_cast<int>(1 + random.roll(3));
  settings.partitions_max = static_cast<int>(1 + random.roll(3));
  settings.replication = std::min(settings.nodes, static_cast<int>(random.one_of<std::int64_t>({1, 2, 3, 3, 3, 4})));
  settings.min_in_sync = static_cast<int>(1 + random.roll(std::max(1, settings.replication - 1)));
  settings.durability = random.percent(80) ? broker::config::Durability::fsync : broker::config::Durability::os;
  settings.segment_bytes = static_cast<std::uint32_t>(random.one_of<std::int64_t>({2 << 10, 16 << 10, 1 << 20}));
  return settings;
}

}  // namespace sluice::sim
