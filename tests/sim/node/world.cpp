#include "tests/sim/node/world.hpp"

#include "tests/sim/invariants/watchers.hpp"
#include "tests/sim/node/node.hpp"

namespace sluice::sim {

World::World(std::uint64_t seed, const Settings& drawn, NetworkWeather weather)
    : random(seed),
      settings(drawn),
      scheduler(random.fork()),
      trace(scheduler),
      network(scheduler, random.fork(), weather),
      watchers(std::make_unique<Watchers>(drawn)) {
  broker::config::BrokerConfig::StaticValues values;
  values["default.replication.factor"] = {std::to_string(settings.replication), "simulation"};
  values["min.insync.replicas"] = {std::to_string(settings.min_in_sync), "simulation"};
  values["sluice.durability"] = {settings.durability == broker::config::Durability::fsync ? "fsync" : "os",
                                 "simulation"};
  config = std::make_shared<const broker::config::BrokerConfig>(std::move(values));
  for (HostId id = 1; id <= settings.nodes; ++id) {
    const auto ppm =
        settings.drift_ppm_max == 0 ? 0 : random.roll(2 * settings.drift_ppm_max + 1) - settings.drift_ppm_max;
    nodes.emplace(id, std::make_unique<Node>(*this, id, ppm));
  }
}

World::~World() { nodes.clear(); }

storage::MemoryFileSystem* World::make_disk(std::uint64_t file_bytes_max) {
  return disks.emplace_back(std::make_unique<storage::MemoryFileSystem>(file_bytes_max)).get();
}

Uuid World::make_uuid() {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    const auto word = random.next();
    for (std::size_t j = 0; j < 8; ++j) bytes[i + j] = static_cast<std::uint8_t>(word >> (8 * j));
  }
  return Uuid{bytes};
}

bool World::allows_loss(const Uuid& topic_id) const { return watchers->replicas.is_lossy(topic_id); }

}  // namespace sluice::sim
