#pragma once

#include <chrono>
#include <cstdint>

#include "broker/config/topic_settings.hpp"
#include "broker/controller/broker_lifecycle.hpp"
#include "broker/controller/controller_core.hpp"
#include "broker/raft/options.hpp"
#include "broker/replication/follower_fetch.hpp"
#include "tests/sim/world/random.hpp"
#include "tests/sim/world/scheduler.hpp"

namespace sluice::sim {

/// How the nodes of one run are set up: drawn from its seed, so that runs differ in kind.
struct Settings {
  int nodes = 3;
  int voters = 3;  ///< the first ones, at the start
  broker::raft::Options raft{};
  broker::controller::ControllerCore::Options controller{};
  broker::controller::BrokerLifecycle::Options lifecycle{};
  std::chrono::milliseconds heartbeat_timeout{2000};
  std::chrono::milliseconds request_timeout{30000};
  broker::replication::FollowerFetch::Options fetch{};
  std::chrono::milliseconds fetch_timeout{5000};
  std::chrono::milliseconds lag_max{10000};
  std::int64_t snapshot_entries = 200;  ///< of the metadata log
  bool encodes = false;                 ///< what nodes say to each other travels as bytes, through the codecs

  Duration sync_min = 200us;
  Duration sync_max = 3ms;
  Duration publish_max = 2ms;  ///< of images: from applied to followed
  std::int64_t drift_ppm_max = 0;
  Duration checkpoint_interval = 5s;

  // What clients work on.
  int topics = 2;
  int partitions_max = 3;
  int replication = 3;
  int min_in_sync = 2;
  broker::config::Durability durability = broker::config::Durability::fsync;
  std::uint32_t segment_bytes = 16 << 10;
  std::uint32_t segment_bytes_min = 1 << 20;  ///< of a topic's; smaller ones roll often
  Duration append_delay{0};  ///< of a produce: between the look whether this broker leads, and the append
  bool eligible_leader_replicas = true;
};

Settings draw_settings(Random& random);

}  // namespace sluice::sim
