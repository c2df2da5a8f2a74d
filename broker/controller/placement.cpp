#include "broker/controller/placement.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "protocol/base/assert.hpp"

namespace sluice::broker::controller {

namespace {

constexpr std::int32_t kTurnsMax = 16;  // a broker in the ring: a finer ratio of capacities is not worth the space

/// How many places in the ring each broker gets for its capacity, in the smallest numbers that keep the ratio.
std::int32_t turns_of(const BrokerImage& broker, std::int32_t divisor, std::int32_t largest) {
  const auto capacity = std::max(1, broker.capacity) / divisor;
  if (largest / divisor <= kTurnsMax) return capacity;
  return std::max(1, static_cast<std::int32_t>(std::int64_t{capacity} * kTurnsMax / (largest / divisor)));
}

}  // namespace

Placement::Placement(const std::vector<BrokerImage>& brokers) {
  std::int32_t divisor = 0;
  std::int32_t largest = 1;
  for (const auto& broker : brokers) {
    if (!broker.is_active()) continue;
    divisor = std::gcd(divisor, std::max(1, broker.capacity));
    largest = std::max(largest, broker.capacity);
    ++broker_count_;
  }
  // Of each rack the brokers in turn, those with more turns coming back for them.
  std::map<std::string, std::vector<BrokerId>> racks;
  std::size_t places = 0;
  for (std::int32_t turn = 0; turn < kTurnsMax; ++turn) {
    for (const auto& broker : brokers) {
      if (!broker.is_active() || turn >= turns_of(broker, divisor, largest)) continue;
      racks[broker.rack.value_or("")].push_back(broker.id);
      ++places;
    }
  }
  rack_count_ = racks.size();
  for (std::size_t turn = 0; ring_.size() < places; ++turn) {
    std::size_t rack = 0;
    for (const auto& [name, members] : racks) {
      if (turn < members.size()) ring_.push_back({members[turn], rack});
      ++rack;
    }
  }
}

std::vector<BrokerId> Placement::replicas(std::uint64_t start, std::uint32_t index,
                                          std::size_t replication_factor) const {
  const std::size_t count = ring_.size();
  SLUICE_ASSERT(replication_factor >= 1 && replication_factor <= broker_count_, replication_factor, broker_count_);
  const std::size_t first = (start + index) % count;
  const std::size_t shift = count > 1 ? (start / count + index / count) % (count - 1) : 0;

  std::vector<BrokerId> replicas{ring_[first].id};
  std::vector<std::size_t> in_rack(rack_count_, 0);
  ++in_rack[ring_[first].rack];
  while (replicas.size() < replication_factor) {
    // The member with the fewest replicas in its rack; among those the nearest after the leader and its shift.
    std::size_t best = count;
    for (std::size_t step = 0; step + 1 < count; ++step) {
      const std::size_t at = (first + 1 + (shift + step) % (count - 1)) % count;
      if (std::ranges::find(replicas, ring_[at].id) != replicas.end()) continue;
      if (best == count || in_rack[ring_[at].rack] < in_rack[ring_[best].rack]) best = at;
    }
    ++in_rack[ring_[best].rack];
    replicas.push_back(ring_[best].id);
  }
  return replicas;
}

}  // namespace sluice::broker::controller
