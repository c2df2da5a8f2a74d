#pragma once

#include <cstddef>
#include <memory>
#include <mutex>

#include "broker/config/broker_config.hpp"
#include "broker/controller/metadata_image.hpp"

namespace sluice::broker::node {

/// How the cluster's partitions are, as an image has it.
struct ClusterHealth {
  std::size_t brokers = 0;
  std::size_t brokers_fenced = 0;
  std::size_t topics = 0;
  std::size_t partitions = 0;
  std::size_t offline = 0;           ///< nobody leads them
  std::size_t under_replicated = 0;  ///< not all replicas are in sync
  std::size_t under_min_isr = 0;     ///< fewer are in sync than min.insync.replicas: acks=all is refused
  // Of those that one broker leads.
  std::size_t led = 0;
  std::size_t led_under_replicated = 0;
  std::size_t led_under_min_isr = 0;
};

/// Counted anew for each image that is asked about, once. Threading: any.
class ClusterHealthCount {
 public:
  ClusterHealthCount(const config::BrokerConfig& config, BrokerId self) : config_(config), self_(self) {}

  ClusterHealth of(const std::shared_ptr<const controller::MetadataImage>& image);

 private:
  ClusterHealth count(const controller::MetadataImage& image) const;

  const config::BrokerConfig& config_;
  const BrokerId self_;
  std::mutex mutex_;
  std::shared_ptr<const controller::MetadataImage> counted_;
  ClusterHealth health_;
};

}  // namespace sluice::broker::node
