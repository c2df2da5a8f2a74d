#pragma once

#include <array>
#include <memory>
#include <string>

#include "broker/controller/cluster_state.hpp"

namespace sluice::test {

using broker::controller::BrokerImage;
using broker::controller::BrokerRecord;
using broker::controller::ClusterRecord;
using broker::controller::ClusterState;
using broker::controller::MetadataRecord;

/// Id of a data directory, of that broker.
inline Uuid directory_of(std::int32_t broker, std::uint8_t number = 0) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[0] = 0xd1;
  bytes[1] = number;
  bytes[15] = static_cast<std::uint8_t>(broker);
  return Uuid{bytes};
}

inline BrokerImage broker_image(std::int32_t id, std::optional<std::string> rack = std::nullopt) {
  BrokerImage broker;
  broker.id = BrokerId{id};
  broker.rack = std::move(rack);
  broker.directories = {directory_of(id)};
  broker.epoch = broker::controller::BrokerEpoch{id};
  broker.endpoints.push_back({"PLAINTEXT", "host-" + std::to_string(id), 9092, "PLAINTEXT"});
  return broker;
}

/// Ids 1, 2, 3, ...: tests that run twice get the same ones.
inline std::function<Uuid()> counting_uuids() {
  return [next = std::make_shared<std::uint8_t>(0)] {
    std::array<std::uint8_t, 16> bytes{};
    bytes[0] = ++*next;
    bytes[15] = *next;
    return Uuid{bytes};
  };
}

/// A cluster whose commands are committed at once. Its brokers are there from the start, active.
struct FakeCluster {
  explicit FakeCluster(std::int32_t brokers = 1, broker::config::BrokerConfig::StaticValues settings = {})
      : config(std::make_shared<broker::config::BrokerConfig>(std::move(settings))), state(config, counting_uuids()) {
    apply(state.found_cluster("test-cluster"));
    for (std::int32_t id = 1; id <= brokers; ++id) record(BrokerRecord{broker_image(id)});
  }

  void record(const MetadataRecord& one) { apply({one}); }
  /// One command.
  void apply(std::vector<MetadataRecord> records) {
    if (records.empty()) return;
    state.replay(records, Offset{next_index++});
    commands.push_back(std::move(records));
  }
  template <class Request, class... More>
  auto handle(const Request& request, const More&... more) {
    auto decision = state.handle(request, more...);
    apply(std::move(decision.records));
    return std::move(decision.response);
  }
  auto create(const std::string& name, std::int32_t partitions = 1, std::int16_t replication_factor = 1) {
    protocol::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = partitions;
    topic.replication_factor = replication_factor;
    return handle(request).topics.at(0);
  }
  const broker::controller::PartitionImage& partition(std::string_view topic, std::int32_t number = 0) const {
    return *state.image().find_partition(topic, PartitionId{number});
  }
  const BrokerImage& broker(std::int32_t id) const { return *state.image().find_broker(BrokerId{id}); }

  std::shared_ptr<const broker::config::BrokerConfig> config;
  ClusterState state;
  std::int64_t next_index = 1;
  std::vector<std::vector<MetadataRecord>> commands;
};

}  // namespace sluice::test
