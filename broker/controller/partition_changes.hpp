#pragma once

#include <functional>
#include <vector>

#include "broker/config/broker_config.hpp"
#include "broker/controller/leader_election.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/controller/metadata_record.hpp"

namespace sluice::broker::controller {

/// Of one broker, something else than the image has is taken for true: what is about to be decided.
struct AsIf {
  BrokerId broker = kNoBroker;
  bool is_active = false;
};

/// Whoever is active by `image`.
std::function<bool(BrokerId)> active_brokers(const MetadataImage& image, AsIf as_if = {});

/// The rules of every topic's partitions, as one image and the settings have them.
class TopicRules {
 public:
  /// `config`: the effective settings of all brokers.
  TopicRules(const MetadataImage& image, const config::BrokerConfig& config, AsIf as_if = {});

  ElectionRules of(const TopicImage& topic) const;

 private:
  ElectionRules by_default_;
};

/// Why and how a partition changes; nullopt: it is not concerned.
using ChangeOf = std::function<std::optional<PartitionChange>(const PartitionImage&)>;

/// Appends the partitions of all topics that `change_of` changes, `max` at most.
void change_partitions(const MetadataImage& image, const TopicRules& rules, const ChangeOf& change_of, std::size_t max,
                       std::vector<MetadataRecord>& to);

/// `ids` without `gone`, in their order.
std::vector<BrokerId> without(const std::vector<BrokerId>& ids, BrokerId gone);

/// The rule of the last replica (KIP-966): nobody leaves an ISR that it is the last of, since it has what nobody else
/// has.
std::vector<BrokerId> without_losing_the_last(const std::vector<BrokerId>& isr, BrokerId gone);

}  // namespace sluice::broker::controller
