#include "broker/controller/placement.hpp"

#include <algorithm>
#include <map>

#include "protocol/base/assert.hpp"

namespace sluice::broker::controller {

Placement::Placement(const std::vector<BrokerImage>& brokers) {
  std::map<std::string, std::vector<BrokerId>> racks;
  std::size_t live = 0;
  for (const auto& broker : brokers) {
    if (!broker.is_active()) continue;
    racks[broker.rack.value_or("")].push_back(broker.id);
    ++live;
  }
  rack_count_ = racks.size();
  for (std::size_t turn = 0; ring_.size() < live; ++turn) {
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
  SLUICE_ASSERT(replication_factor >= 1 && replication_factor <= count, replication_factor, count);
  const std::size_t first = (start + index) % count;
  const std::size_t shift = count > 1 ? (start / count + index / count) % (count - 1) : 0;

  std::vector<BrokerId> replicas{ring_[first].id};
  std::vector<bool> taken(count, false);
  std::vector<std::size_t> in_rack(rack_count_, 0);
  taken[first] = true;
  ++in_rack[ring_[first].rack];
  while (replicas.size() < replication_factor) {
    // The member with the fewest replicas in its rack; among those the nearest after the leader and its shift.
    std::size_t best = count;
    for (std::size_t step = 0; step + 1 < count; ++step) {
      const std::size_t at = (first + 1 + (shift + step) % (count - 1)) % count;
      if (taken[at]) continue;
      if (best == count || in_rack[ring_[at].rack] < in_rack[ring_[best].rack]) best = at;
    }
    taken[best] = true;
    ++in_rack[ring_[best].rack];
    replicas.push_back(ring_[best].id);
  }
  return replicas;
}

}  // namespace sluice::broker::controller
