#include "broker/admin/liveness.hpp"

#include <algorithm>
#include <utility>

namespace sluice::broker::admin {

Liveness::Heart& Liveness::add(std::string name, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  return hearts_.emplace_back(std::move(name), now);
}

std::optional<std::string> Liveness::find_stuck(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  const auto stuck = std::find_if(hearts_.begin(), hearts_.end(),
                                  [&](const Heart& heart) { return now - heart.last() > silence_max_; });
  if (stuck == hearts_.end()) return std::nullopt;
  return stuck->name();
}

}  // namespace sluice::broker::admin
