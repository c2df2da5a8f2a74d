#include "broker/config/group_settings.hpp"

#include <array>
#include <utility>

#include "broker/config/text.hpp"

namespace sluice::broker::config {

std::optional<MigrationPolicy> parse_migration_policy(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, MigrationPolicy>, 4> kPolicies{
      {{"disabled", MigrationPolicy::disabled},
       {"upgrade", MigrationPolicy::upgrade},
       {"downgrade", MigrationPolicy::downgrade},
       {"bidirectional", MigrationPolicy::bidirectional}}};
  const auto name = to_lower(trim(text));
  for (const auto& [known, policy] : kPolicies) {
    if (name == known) return policy;
  }
  return std::nullopt;
}

std::optional<std::string> parse_assignor(std::string_view text) {
  constexpr std::string_view kPackage = "org.apache.kafka.coordinator.group.assignor.";
  auto name = trim(text);
  if (name == "uniform" || name == "range") return std::string{name};
  if (!name.starts_with(kPackage)) return std::nullopt;
  name.remove_prefix(kPackage.size());
  if (name == "UniformAssignor") return "uniform";
  if (name == "RangeAssignor") return "range";
  return std::nullopt;
}

}  // namespace sluice::broker::config
