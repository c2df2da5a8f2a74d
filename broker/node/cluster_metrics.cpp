#include "broker/node/cluster_metrics.hpp"

#include "broker/metrics/family.hpp"

namespace sluice::broker::node {

std::vector<prometheus::MetricFamily> ClusterMetrics::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  const auto gauge = [&](const char* name, const char* help, auto value) {
    metrics::Family::gauge(name, help).add(static_cast<double>(value)).move_to(families);
  };
  const auto image = cluster_.publisher().image();
  const auto status = cluster_.raft().status();
  const auto health = health_.of(image);
  gauge("sluice_controller_active", "1 where this node is the active controller; the sum over all nodes should be 1.",
        cluster_.metadata().is_active() ? 1 : 0);
  gauge("sluice_quorum_term", "Term of the metadata quorum, as this node knows it.", status.term.value());
  gauge("sluice_quorum_commit_index", "Last entry of the metadata log that this node knows to be committed.",
        status.commit.value());
  gauge("sluice_quorum_last_index", "Last entry of the metadata log on this node.", status.last.value());
  gauge("sluice_metadata_image_version", "Entry of the metadata log that this node's image shows.",
        image->version().value());
  gauge("sluice_brokers", "Brokers that are registered; told by every node.", health.brokers);
  gauge("sluice_brokers_fenced", "Brokers that are fenced; told by every node.", health.brokers_fenced);
  gauge("sluice_topics", "Topics of the cluster; told by every node.", health.topics);
  gauge("sluice_partitions_offline", "Partitions that nobody leads; told by every node.", health.offline);
  gauge("sluice_partitions_led", "Partitions that this broker leads.", health.led);
  gauge("sluice_partitions_under_replicated", "Of those led here, with replicas that are not in sync.",
        health.led_under_replicated);
  gauge("sluice_partitions_under_min_isr", "Of those led here, with fewer replicas in sync than min.insync.replicas.",
        health.led_under_min_isr);
  return families;
}

}  // namespace sluice::broker::node
