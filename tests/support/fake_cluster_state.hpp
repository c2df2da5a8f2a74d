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
  return [next = std::make_shared<std::uint32_t>(0)] {
    ++*next;
    std::array<std::uint8_t, 16> bytes{};
    for (int i = 0; i < 4; ++i) bytes[i] = bytes[15 - i] = static_cast<std::uint8_t>(*next >> (8 * i));
    return Uuid{bytes};
  };
}

/// Ids of brokers.
inline std::vector<BrokerId> ids(std::initializer_list<std::int32_t> numbers) {
  std::vector<BrokerId> all;
  for (const auto number : numbers) all.emplace_back(number);
  return all;
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
  /// A process of that broker begins; its epoch is in the image.
  auto start(std::int32_t id, bool was_shut_down_cleanly = true,
             const broker::controller::Circumstances& circumstances = {}) {
    broker::controller::RegisterBrokerRequest request{.cluster_id = "test-cluster", .broker = broker_image(id)};
    request.broker.was_shut_down_cleanly = was_shut_down_cleanly;
    request.broker.incarnation = make_incarnation();
    return handle(request, circumstances);
  }
  broker::controller::HeartbeatRequest heartbeat_of(std::int32_t id) const {
    return {.id = BrokerId{id}, .epoch = broker(id).epoch, .metadata_offset = state.image().version()};
  }
  auto heartbeat(std::int32_t id) { return handle(heartbeat_of(id)); }
  auto begin_shutdown(std::int32_t id) {
    auto request = heartbeat_of(id);
    request.wants_shutdown = true;
    return handle(request);
  }
  void fence(std::int32_t id) { apply(state.fence(BrokerId{id})); }
  /// The leader asks for another ISR, and knows everything.
  auto ask_for_isr(const std::string& topic, std::vector<std::int32_t> isr, std::int32_t number = 0) {
    const auto& now = partition(topic, number);
    broker::controller::AlterPartitionRequest request{.broker = now.leader,
                                                      .broker_epoch = broker(now.leader.value()).epoch};
    auto& change = request.changes.emplace_back();
    change.topic_id = state.image().find_topic(topic)->id;
    change.partition = now.partition;
    change.leader_epoch = now.leader_epoch;
    change.partition_epoch = now.partition_epoch;
    for (const auto id : isr) change.isr.push_back({.id = BrokerId{id}, .epoch = broker(id).epoch});
    return request;
  }
  auto change_isr(const std::string& topic, std::vector<std::int32_t> isr, std::int32_t number = 0) {
    return handle(ask_for_isr(topic, std::move(isr), number)).items.at(0).error_code;
  }
  auto set(const std::string& topic, const std::string& key, const std::string& value) {
    protocol::IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = 2;
    resource.resource_name = topic;
    auto& config = resource.configs.emplace_back();
    config.name = key;
    config.value = value;
    return handle(request).responses.at(0).error_code;
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
  std::function<Uuid()> make_incarnation = counting_uuids();
  std::int64_t next_index = 1;
  std::vector<std::vector<MetadataRecord>> commands;
};

}  // namespace sluice::test
