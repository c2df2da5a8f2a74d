#pragma once

#include <map>
#include <memory>
#include <span>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/metadata_record.hpp"
#include "broker/raft/raft_types.hpp"
#include "tests/sim/world/network.hpp"
#include "tests/sim/world/trace.hpp"

namespace sluice::sim {

/// The promises of the cluster's metadata: what every committed command may do, and that all nodes see the same.
class MetadataWatch {
 public:
  using Image = broker::controller::MetadataImage;

  explicit MetadataWatch(int min_in_sync) : min_in_sync_(min_in_sync) {}

  /// A node applied a committed command. Whether it is the first one to do so.
  bool check_applied(HostId node, broker::raft::LogIndex index,
                     std::span<const broker::controller::MetadataRecord> records,
                     const broker::controller::ClusterState& state);
  void check_restored(HostId node, broker::raft::LogIndex index, const broker::controller::ClusterState& state);

  /// As of the last command that any node applied.
  const Image& latest() const noexcept { return latest_; }
  /// Blocks of producer ids are handed out once.
  void check_producer_ids(std::int64_t first, std::int64_t count);
  std::uint64_t unclean_elections() const noexcept { return unclean_elections_; }

 private:
  void compare(HostId node, broker::raft::LogIndex index, const Image& image);
  void check_first(broker::raft::LogIndex index, std::span<const broker::controller::MetadataRecord> records,
                   const Image& after);
  void check_registered(const broker::controller::BrokerImage& broker, const Image& after) const;
  void check_leaving(const broker::controller::TopicImage& topic, const broker::controller::PartitionImage& before,
                     const broker::controller::PartitionImage& now,
                     std::span<const broker::controller::MetadataRecord> records) const;
  std::size_t enough(const broker::controller::TopicImage& topic,
                     const broker::controller::PartitionImage& partition) const;
  void check_partition(const broker::controller::TopicImage& topic, const broker::controller::PartitionImage& now,
                       const Image& after);

  const int min_in_sync_;
  std::map<broker::raft::LogIndex, Image> images_;  // by where they were made; the last of them
  Image latest_;
  broker::raft::LogIndex latest_index_;
  std::map<std::int64_t, std::int64_t> producer_ids_;  // first -> end
  std::uint64_t unclean_elections_ = 0;
};

}  // namespace sluice::sim
