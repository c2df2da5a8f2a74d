#include <fmt/format.h>
#include <limits>
#include <set>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/features.hpp"
#include "broker/controller/partition_changes.hpp"
#include "broker/controller/request_error.hpp"
#include "protocol/base/clipped.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;
using Update = protocol::UpdateFeaturesRequest::FeatureUpdateKey;

enum class UpgradeType : std::int8_t { upgrade = 1, safe_downgrade = 2, unsafe_downgrade = 3 };

Refusal refuse(const MetadataImage& image, const Update& update) {
  const auto type = static_cast<UpgradeType>(update.allow_downgrade ? 2 : update.upgrade_type);
  if (type < UpgradeType::upgrade || type > UpgradeType::unsafe_downgrade) {
    return RequestError{ErrorCode::invalid_request,
                        "The upgrade type must be 1 (upgrade), 2 (safe downgrade) or 3 (unsafe downgrade)."};
  }
  const auto* feature = find_feature(update.feature);
  if (feature == nullptr) {
    return RequestError{ErrorCode::invalid_update_version,
                        fmt::format("This version has no feature '{}'.", clipped(update.feature))};
  }
  if (update.max_version_level < feature->level_min || update.max_version_level > feature->level_max) {
    return RequestError{ErrorCode::invalid_update_version,
                        fmt::format("Level {} of {} is not known: it can be {} to {}.", update.max_version_level,
                                    feature->name, feature->level_min, feature->level_max)};
  }
  const auto current = image.feature_level(feature->name);
  if (update.max_version_level < current && type == UpgradeType::upgrade) {
    return RequestError{ErrorCode::invalid_update_version,
                        fmt::format("{} is at {}; a lower level needs a downgrade.", feature->name, current)};
  }
  if (update.max_version_level > current && type != UpgradeType::upgrade) {
    return RequestError{ErrorCode::invalid_update_version,
                        fmt::format("{} is at {}; a higher level is no downgrade.", feature->name, current)};
  }
  return std::nullopt;
}

}  // namespace

/// KIP-584: all or nothing.
Decision<protocol::UpdateFeaturesResponse> ClusterState::handle(const protocol::UpdateFeaturesRequest& request) const {
  Decision<protocol::UpdateFeaturesResponse> decision;
  auto& response = decision.response;
  response.error_message = std::nullopt;
  std::set<std::string_view> named;
  bool keeps_eligible = image_.feature_level(kEligibleLeaderReplicas) > 0;
  for (const auto& update : request.feature_updates) {
    auto refusal = refuse(image_, update);
    if (!refusal && !named.insert(update.feature).second) {
      refusal = RequestError{ErrorCode::invalid_request, "The request names this feature more than once."};
    }
    auto& result = response.results.emplace_back();
    result.feature = update.feature;
    result.error_message = std::nullopt;
    if (refusal) {
      response.error_code = result.error_code = refusal->code;
      response.error_message = result.error_message = std::move(refusal->message);
    } else if (update.max_version_level != image_.feature_level(update.feature)) {
      decision.records.emplace_back(FeatureRecord{update.feature, update.max_version_level});
      if (update.feature == kEligibleLeaderReplicas) keeps_eligible = update.max_version_level > 0;
    }
  }
  if (response.error_code != ErrorCode::none || request.validate_only) {
    decision.records.clear();
  } else if (!keeps_eligible) {
    auto partitions = without_elr([](const TopicImage&) { return true; });
    decision.records.insert(decision.records.begin(), std::make_move_iterator(partitions.begin()),
                            std::make_move_iterator(partitions.end()));
  }
  return decision;
}

/// While an ELR stands, the high watermark must not move without it: where the ISR that suffices becomes smaller, or
/// nobody keeps the ELR any more, it goes before.
std::vector<MetadataRecord> ClusterState::without_elr(
    const std::function<bool(const TopicImage&)>& is_concerned) const {
  std::vector<MetadataRecord> records;
  image_.for_each_topic([&](const TopicImage& topic) {
    if (!is_concerned(topic)) return;
    for (const auto& partition : topic.partitions) {
      if (partition.elr.empty()) continue;
      auto next = partition;
      next.elr.clear();
      next.partition_epoch = PartitionEpoch{next.partition_epoch.value() + 1};
      records.emplace_back(PartitionRecord{topic.id, std::move(next)});
    }
  });
  return records;
}

}  // namespace sluice::broker::controller
