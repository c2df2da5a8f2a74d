#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "broker/raft/configuration.hpp"

namespace sluice::broker::raft {

inline std::size_t majority_of(std::size_t voters) noexcept { return voters / 2 + 1; }

/// The largest value that a majority of the voters has reached; nullopt when there are no voters.
template <class Value, class ValueOf>
std::optional<Value> reached_by_majority(const Configuration& configuration, ValueOf&& value_of) {
  std::vector<Value> values;
  values.reserve(configuration.voters().size());
  for (const auto& voter : configuration.voters()) values.push_back(value_of(voter));
  if (values.empty()) return std::nullopt;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(majority_of(values.size()) - 1);
  std::nth_element(values.begin(), at, values.end(), std::greater<>{});
  return *at;
}

/// Whether a majority of the voters satisfies `holds`. Never without voters.
template <class Predicate>
bool holds_for_majority(const Configuration& configuration, Predicate&& holds) {
  const auto& voters = configuration.voters();
  const auto count = std::count_if(voters.begin(), voters.end(), holds);
  return !voters.empty() && static_cast<std::size_t>(count) >= majority_of(voters.size());
}

}  // namespace sluice::broker::raft
