#include "broker/controller/partition_changes.hpp"

#include <algorithm>
#include <charconv>

#include "broker/controller/cluster_defaults.hpp"
#include "broker/controller/features.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::controller {
namespace {

constexpr const char* kUnclean = "unclean.leader.election.enable";

int number_of(const std::string& text, int otherwise) {
  int number = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

template <class Accepts>
std::function<bool(BrokerId)> brokers_that(const MetadataImage& image, AsIf as_if, Accepts&& accepts) {
  std::vector<BrokerId> ids;
  for (const auto& broker : image.brokers()) {
    if (broker.id == as_if.broker ? as_if.is_active : accepts(broker)) ids.push_back(broker.id);
  }
  return [ids = std::move(ids)](BrokerId wanted) { return std::ranges::binary_search(ids, wanted); };
}

}  // namespace

std::function<bool(BrokerId)> active_brokers(const MetadataImage& image, AsIf as_if) {
  return brokers_that(image, as_if, [](const BrokerImage& broker) { return broker.is_active(); });
}

TopicRules::TopicRules(const MetadataImage& image, const config::BrokerConfig& config, AsIf as_if)
    : by_default_{.may_lead = active_brokers(image, as_if),
                  .may_stay = brokers_that(image, as_if, [](const BrokerImage& broker) { return !broker.fenced; }),
                  .min_in_sync = number_of(config.value(kMinInSyncReplicas).value_or(""), 1),
                  .allows_unclean = config.value(kUnclean) == "true",
                  .keeps_eligible = image.feature_level(kEligibleLeaderReplicas) > 0} {}

ElectionRules TopicRules::of(const TopicImage& topic) const {
  auto rules = by_default_;
  if (const auto own = topic.configs.find(std::string{kMinInSyncReplicas}); own != topic.configs.end()) {
    rules.min_in_sync = number_of(own->second, rules.min_in_sync);
  }
  if (const auto own = topic.configs.find(kUnclean); own != topic.configs.end()) {
    rules.allows_unclean = own->second == "true";
  }
  return rules;
}

void change_partitions(const MetadataImage& image, const TopicRules& rules, const ChangeOf& change_of, std::size_t max,
                       std::vector<MetadataRecord>& to) {
  std::size_t changed = 0;
  image.for_each_topic([&](const TopicImage& topic) {
    if (changed >= max) return;
    std::optional<ElectionRules> of_topic;  // most topics need none
    for (const auto& partition : topic.partitions) {
      if (changed >= max) return;
      const auto change = change_of(partition);
      if (!change) continue;
      if (!of_topic) of_topic = rules.of(topic);
      auto next = next_partition(partition, *change, *of_topic);
      if (!next) continue;
      to.emplace_back(PartitionRecord{topic.id, *std::move(next)});
      ++changed;
    }
  });
}

std::vector<BrokerId> without(const std::vector<BrokerId>& ids, BrokerId gone) {
  auto rest = ids;
  std::erase(rest, gone);
  return rest;
}

std::vector<BrokerId> without_losing_the_last(const std::vector<BrokerId>& isr, BrokerId gone) {
  auto rest = without(isr, gone);
  if (rest.empty() && !SLUICE_BUG("controller: fencing empties the ISR")) return isr;
  return rest;
}

}  // namespace sluice::broker::controller
