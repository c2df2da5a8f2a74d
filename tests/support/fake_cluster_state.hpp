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

inline BrokerImage broker_image(std::int32_t id, std::optional<std::string> rack = std::nullopt) {
  BrokerImage broker;
  broker.id = BrokerId{id};
  broker.rack = std::move(rack);
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

/// A cluster whose records are durable at once.
struct FakeCluster {
  explicit FakeCluster(std::int32_t brokers = 1, broker::config::BrokerConfig::StaticValues settings = {})
      : state(std::make_shared<broker::config::BrokerConfig>(std::move(settings)), counting_uuids()) {
    record(ClusterRecord{"test-cluster"});
    for (std::int32_t id = 1; id <= brokers; ++id) record(BrokerRecord{broker_image(id)});
  }

  void record(const MetadataRecord& one) {
    state.replay(one, Offset{static_cast<std::int64_t>(records.size())});
    records.push_back(one);
  }
  template <class Request>
  auto handle(const Request& request) {
    auto decision = state.handle(request);
    for (const auto& one : decision.records) record(one);
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

  ClusterState state;
  std::vector<MetadataRecord> records;
};

}  // namespace sluice::test
