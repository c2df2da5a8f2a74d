#include "broker/controller/metadata_proto.hpp"

#include <algorithm>
#include <array>

namespace sluice::broker::controller {
namespace {

using Ids = google::protobuf::RepeatedField<std::int32_t>;

void put(const std::vector<BrokerId>& ids, Ids& out) {
  out.Reserve(static_cast<int>(ids.size()));
  for (const auto id : ids) out.Add(id.value());
}

std::vector<BrokerId> ids_of(const Ids& in) {
  std::vector<BrokerId> ids;
  ids.reserve(static_cast<std::size_t>(in.size()));
  for (const auto id : in) ids.emplace_back(id);
  return ids;
}

}  // namespace

std::string uuid_bytes(const Uuid& id) { return {reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size()}; }

std::optional<Uuid> uuid_of(const std::string& bytes) {
  std::array<std::uint8_t, 16> raw{};
  if (bytes.size() != raw.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), raw.begin());
  return Uuid{raw};
}

void to_proto(const BrokerImage& broker, pb::BrokerRecord& out) {
  out.set_id(broker.id.value());
  if (broker.rack) out.set_rack(*broker.rack);
  for (const auto& endpoint : broker.endpoints) {
    auto& to = *out.add_endpoints();
    to.set_listener_name(endpoint.listener_name);
    to.set_host(endpoint.host);
    to.set_port(endpoint.port);
    to.set_security_protocol(endpoint.security_protocol);
  }
  out.set_fenced(broker.fenced);
  out.set_in_controlled_shutdown(broker.in_controlled_shutdown);
  out.set_epoch(broker.epoch.value());
  out.set_incarnation(uuid_bytes(broker.incarnation));
  for (const auto& directory : broker.directories) out.add_directories(uuid_bytes(directory));
  out.set_capacity(broker.capacity);
  out.set_is_controller(broker.is_controller);
  out.set_was_shut_down_uncleanly(!broker.was_shut_down_cleanly);
}

std::optional<BrokerImage> from_proto(const pb::BrokerRecord& in) {
  const auto incarnation = uuid_of(in.incarnation());
  if (!incarnation) return std::nullopt;
  BrokerImage broker;
  broker.id = BrokerId{in.id()};
  if (in.has_rack()) broker.rack = in.rack();
  for (const auto& endpoint : in.endpoints()) {
    broker.endpoints.push_back(
        {endpoint.listener_name(), endpoint.host(), endpoint.port(), endpoint.security_protocol()});
  }
  broker.fenced = in.fenced();
  broker.in_controlled_shutdown = in.in_controlled_shutdown();
  broker.epoch = BrokerEpoch{in.epoch()};
  broker.incarnation = *incarnation;
  for (const auto& bytes : in.directories()) {
    const auto directory = uuid_of(bytes);
    if (!directory) return std::nullopt;
    broker.directories.push_back(*directory);
  }
  broker.capacity = in.capacity();
  broker.is_controller = in.is_controller();
  broker.was_shut_down_cleanly = !in.was_shut_down_uncleanly();
  return broker;
}

void to_proto(const PartitionImage& partition, pb::PartitionRecord& out) {
  out.set_partition(partition.partition.value());
  put(partition.replicas, *out.mutable_replicas());
  put(partition.isr, *out.mutable_isr());
  out.set_leader(partition.leader.value());
  out.set_leader_epoch(partition.leader_epoch.value());
  out.set_partition_epoch(partition.partition_epoch.value());
  put(partition.elr, *out.mutable_elr());
  put(partition.last_known_elr, *out.mutable_last_known_elr());
  put(partition.adding, *out.mutable_adding());
  put(partition.removing, *out.mutable_removing());
  out.set_recovery(static_cast<std::int32_t>(partition.recovery));
}

std::optional<PartitionImage> from_proto(const pb::PartitionRecord& in) {
  if (in.recovery() != 0 && in.recovery() != 1) return std::nullopt;
  PartitionImage partition;
  partition.partition = PartitionId{in.partition()};
  partition.replicas = ids_of(in.replicas());
  partition.isr = ids_of(in.isr());
  partition.leader = BrokerId{in.leader()};
  partition.leader_epoch = LeaderEpoch{in.leader_epoch()};
  partition.partition_epoch = PartitionEpoch{in.partition_epoch()};
  partition.elr = ids_of(in.elr());
  partition.last_known_elr = ids_of(in.last_known_elr());
  partition.adding = ids_of(in.adding());
  partition.removing = ids_of(in.removing());
  partition.recovery = static_cast<LeaderRecovery>(in.recovery());
  return partition;
}

}  // namespace sluice::broker::controller
