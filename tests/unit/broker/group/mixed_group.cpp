#include "tests/unit/broker/group/mixed_group.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "broker/group/consumer/consumer_protocol_blob.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::test {

using broker::group::Ticket;
using protocol::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

Uuid uuid_of(std::uint8_t number) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[0] = number;
  return Uuid{bytes};
}

std::shared_ptr<broker::controller::TopicImage> topic_of(const std::string& name, Uuid id, int partitions) {
  auto topic = std::make_shared<broker::controller::TopicImage>();
  topic->name = name;
  topic->id = id;
  for (int i = 0; i < partitions; ++i) topic->partitions.emplace_back().partition = PartitionId{i};
  return topic;
}

MixedGroup::Owned pairs_of(const protocol::ConsumerProtocolAssignment& assignment) {
  MixedGroup::Owned pairs;
  for (const auto& item : assignment.assigned_partitions) {
    for (const auto partition : item.partitions) pairs.emplace(item.topic, partition.value());
  }
  return pairs;
}

template <class Items>
Items items_of(const MixedGroup::Owned& owned) {
  std::map<std::string, std::vector<PartitionId>> by_topic;
  for (const auto& [topic, partition] : owned) by_topic[topic].push_back(PartitionId{partition});
  Items items;
  for (auto& [topic, partitions] : by_topic) items.push_back({topic, std::move(partitions)});
  return items;
}

}  // namespace

std::vector<std::byte> subscription_blob(const std::vector<std::string>& topics, const MixedGroup::Owned& owned,
                                         std::int16_t version) {
  protocol::ConsumerProtocolSubscription subscription;
  subscription.topics = topics;
  if (version > 0) subscription.owned_partitions = items_of<decltype(subscription.owned_partitions)>(owned);
  wire::Writer writer;
  writer.int16(version);
  encode(subscription, version, writer);
  return writer.take();
}

MixedGroup::MixedGroup(broker::config::GroupSettings given, int partitions)
    : settings(std::move(given)),
      shard(std::make_unique<broker::group::GroupShard>(settings)),
      image(std::make_shared<broker::controller::MetadataImage>()) {
  image->add_topic(topic_of("t", uuid_of(201), partitions));
  image->add_topic(topic_of("u", uuid_of(202), partitions));
  image->set_version(Offset{1});
  shard->set_image(image);
}

MixedGroup::Client& MixedGroup::add(const std::string& name, Protocol protocol) {
  auto& client = clients_[name];
  client.name = name;
  client.protocol = protocol;
  if (protocol == Protocol::cooperative) client.assignors = {"cooperative-sticky"};
  if (protocol == Protocol::consumer) client.id = name;
  return client;
}

void MixedGroup::round() {
  for (auto& [name, client] : clients_) act(client);
}

void MixedGroup::settle() {
  const auto snapshot = [&] {
    std::vector<std::pair<std::int32_t, Owned>> all;
    for (const auto& [name, client] : clients_) all.emplace_back(client.epoch, client.owned);
    return all;
  };
  int quiet = 0;
  for (int i = 0; i < 100 && quiet < 4; ++i) {
    const auto before = snapshot();
    round();
    pass(seconds{2});
    const bool all_in = std::all_of(clients_.begin(), clients_.end(), [](const auto& entry) {
      const auto& client = entry.second;
      return client.in && !client.must_join && !client.joining && !client.syncing;
    });
    quiet = all_in && snapshot() == before ? quiet + 1 : 0;
  }
  REQUIRE(quiet == 4);
}

void MixedGroup::act(Client& client) {
  if (client.protocol == Protocol::consumer) {
    act_consumer(client);
  } else {
    act_classic(client);
  }
  check();
}

void MixedGroup::act_consumer(Client& client) {
  if (client.must_join) client.owned.clear();
  const auto response = send(heartbeat_request(client));
  client.last_error = response.error_code;
  if (response.error_code != ErrorCode::none) return throw_out(client);
  client.in = true;
  client.must_join = false;
  client.epoch = response.member_epoch;
  if (!response.assignment) return;
  client.owned = names_of(broker::group::from_items(response.assignment->topic_partitions));
}

void MixedGroup::act_classic(Client& client) {
  if (client.joining) {
    const auto answer = joins.find(*client.joining);
    if (answer == joins.end()) return;
    client.joining.reset();
    return finish_join(client, answer->second);
  }
  if (client.syncing) {
    const auto answer = syncs.find(*client.syncing);
    if (answer == syncs.end()) return;
    client.syncing.reset();
    return finish_sync(client, answer->second);
  }
  if (client.must_join) return start_join(client);
  protocol::HeartbeatRequest request;
  request.group_id = "g";
  request.member_id = client.id;
  request.generation_id = client.epoch;
  request.group_instance_id = client.instance;
  client.last_error = send(request);
  if (client.last_error == ErrorCode::rebalance_in_progress) return start_join(client);
  if (client.last_error != ErrorCode::none) throw_out(client);
}

void MixedGroup::start_join(Client& client) {
  if (client.protocol == Protocol::eager) client.owned.clear();
  client.must_join = false;
  client.joining = send(join_request(client));
}

void MixedGroup::finish_join(Client& client, const protocol::JoinGroupResponse& answer) {
  client.last_error = answer.error_code;
  if (answer.error_code == ErrorCode::member_id_required) client.id = answer.member_id;
  if (answer.error_code == ErrorCode::member_id_required || answer.error_code == ErrorCode::rebalance_in_progress) {
    return start_join(client);
  }
  if (answer.error_code != ErrorCode::none) return throw_out(client);
  client.id = answer.member_id;
  client.epoch = answer.generation_id;
  client.joined = answer;
  protocol::SyncGroupRequest request;
  request.group_id = "g";
  request.member_id = client.id;
  request.generation_id = client.epoch;
  request.group_instance_id = client.instance;
  request.protocol_type = answer.protocol_type;
  request.protocol_name = answer.protocol_name;
  if (answer.leader == answer.member_id) request.assignments = assign(answer);
  client.syncing = send(request);
}

void MixedGroup::finish_sync(Client& client, const protocol::SyncGroupResponse& answer) {
  client.last_error = answer.error_code;
  if (answer.error_code == ErrorCode::rebalance_in_progress) return start_join(client);
  if (answer.error_code != ErrorCode::none) return throw_out(client);
  client.in = true;
  const auto assignment = broker::group::decode_assignment(answer.assignment);
  REQUIRE(assignment);
  take_over(client, pairs_of(*assignment));
}

/// A cooperative consumer that gives something up joins again, for others to get it.
void MixedGroup::take_over(Client& client, const Owned& assigned) {
  const bool gives_up = !std::includes(assigned.begin(), assigned.end(), client.owned.begin(), client.owned.end());
  client.owned = assigned;
  if (gives_up && client.protocol == Protocol::cooperative) client.must_join = true;
}

void MixedGroup::throw_out(Client& client) {
  client.in = false;
  client.must_join = true;
  client.epoch = 0;
  client.owned.clear();
  if (client.protocol != Protocol::consumer) client.id.clear();
}

/// What the leader of a classic group does: in turns, but a partition that another still has waits for the next round.
std::vector<protocol::SyncGroupRequest::SyncGroupRequestAssignment> MixedGroup::assign(
    const protocol::JoinGroupResponse& joined) const {
  std::map<std::pair<std::string, int>, std::string> owners;
  std::map<std::string, std::vector<std::string>> subscribers;
  std::map<std::string, Owned> assigned;
  for (const auto& member : joined.members) {
    const auto subscription = broker::group::decode_subscription(member.metadata);
    REQUIRE(subscription);
    assigned[member.member_id];
    for (const auto& topic : subscription->topics) subscribers[topic].push_back(member.member_id);
    for (const auto& item : subscription->owned_partitions) {
      for (const auto partition : item.partitions) owners[{item.topic, partition.value()}] = member.member_id;
    }
  }
  for (const auto& [topic, members] : subscribers) {
    const auto count = image->find_topic(topic)->partitions.size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::pair partition{topic, static_cast<int>(i)};
      const auto& wanted = members[i % members.size()];
      const auto owner = owners.find(partition);
      if (owner == owners.end() || owner->second == wanted) assigned[wanted].insert(partition);
    }
  }
  std::vector<protocol::SyncGroupRequest::SyncGroupRequestAssignment> result;
  for (const auto& [id, owned] : assigned) {
    protocol::ConsumerProtocolAssignment assignment;
    assignment.assigned_partitions = items_of<decltype(assignment.assigned_partitions)>(owned);
    auto& to = result.emplace_back();
    to.member_id = id;
    to.assignment = broker::group::encode_assignment(assignment, subscription_blob({}, {}, 1));
  }
  return result;
}

void MixedGroup::leave(const std::string& name) {
  auto node = clients_.extract(name);
  const auto& client = node.mapped();
  if (client.protocol == Protocol::consumer) {
    auto request = heartbeat_request(client);
    request.member_epoch = -1;
    CHECK(send(request).error_code == ErrorCode::none);
  } else {
    protocol::LeaveGroupRequest request;
    request.group_id = "g";
    auto& leaving = request.members.emplace_back();
    leaving.member_id = client.id;
    leaving.group_instance_id = client.instance;
    CHECK(send(request).members.front().error_code == ErrorCode::none);
  }
  check();
}

void MixedGroup::pass(milliseconds time) {
  const auto until = now.steady + time;
  for (auto due = shard->next_deadline(); due && *due <= until; due = shard->next_deadline()) {
    now.steady = std::max(now.steady, *due);
    perform(shard->tick(now));
  }
  now.steady = until;
  now.wall = now.wall + time.count();
}

void MixedGroup::restart() {
  shard = std::make_unique<broker::group::GroupShard>(settings);
  shard->set_image(image);
  for (const auto& record : log) shard->load(record);
  shard->finish_loading(now);
  for (auto& [name, client] : clients_) {
    if (client.joining || client.syncing) client.must_join = true;
    client.joining.reset();
    client.syncing.reset();
  }
}

std::size_t MixedGroup::owned_in_all() const {
  std::size_t sum = 0;
  for (const auto& [name, client] : clients_) sum += client.owned.size();
  return sum;
}

protocol::ConsumerGroupHeartbeatResponse MixedGroup::send(const protocol::ConsumerGroupHeartbeatRequest& request) {
  auto decision = shard->consumer_heartbeat({.request = request,
                                             .version = 1,
                                             .client_id = "client",
                                             .client_host = "/127.0.0.1",
                                             .fresh_id = uuid_of(next_id_++)},
                                            now);
  write(decision.records);
  perform(std::move(decision.effects));
  return decision.response;
}

Ticket MixedGroup::send(const protocol::JoinGroupRequest& request, std::int16_t version) {
  const Ticket ticket{next_ticket_++};
  perform(shard->join({.request = request,
                       .version = version,
                       .client_id = "client",
                       .client_host = "/127.0.0.1",
                       .fresh_id = uuid_of(next_id_++),
                       .ticket = ticket},
                      now));
  return ticket;
}

Ticket MixedGroup::send(const protocol::SyncGroupRequest& request) {
  const Ticket ticket{next_ticket_++};
  perform(shard->sync(request, ticket, now));
  return ticket;
}

ErrorCode MixedGroup::send(const protocol::HeartbeatRequest& request) {
  return shard->heartbeat(request, now).error_code;
}

protocol::LeaveGroupResponse MixedGroup::send(const protocol::LeaveGroupRequest& request) {
  auto decision = shard->leave(request, now);
  perform(std::move(decision.effects));
  return decision.response;
}

protocol::JoinGroupRequest MixedGroup::join_request(const Client& client) const {
  protocol::JoinGroupRequest request;
  request.group_id = "g";
  request.member_id = client.id;
  request.group_instance_id = client.instance;
  request.session_timeout_ms = 10'000;
  request.rebalance_timeout_ms = 60'000;
  request.protocol_type = "consumer";
  for (const auto& name : client.assignors) {
    request.protocols.push_back({name, subscription_blob(client.topics, client.owned, client.blob_version)});
  }
  return request;
}

protocol::ConsumerGroupHeartbeatRequest MixedGroup::heartbeat_request(const Client& client) const {
  protocol::ConsumerGroupHeartbeatRequest request;
  request.group_id = "g";
  request.member_id = client.id;
  request.member_epoch = client.must_join ? 0 : client.epoch;
  request.instance_id = client.instance;
  request.rebalance_timeout_ms = 60'000;
  request.subscribed_topic_names = client.topics;
  broker::group::TopicPartitions owned;
  for (const auto& [topic, partition] : client.owned) owned.add(image->find_topic(topic)->id, PartitionId{partition});
  using Items = std::remove_reference_t<decltype(*request.topic_partitions)>;
  request.topic_partitions = broker::group::to_items<Items>(owned);
  return request;
}

MixedGroup::Owned MixedGroup::names_of(const broker::group::TopicPartitions& partitions) const {
  return pairs_of(broker::group::assignment_of(partitions, *image));
}

void MixedGroup::perform(broker::group::Effects effects) {
  for (auto& [ticket, response] : effects.joins) REQUIRE(joins.emplace(ticket, std::move(response)).second);
  for (auto& [ticket, response] : effects.syncs) REQUIRE(syncs.emplace(ticket, std::move(response)).second);
  for (auto& one : effects.writes) {
    write(one.records);
    if (!one.replayed) perform(shard->on_stored(std::move(one), ErrorCode::none, now));
  }
}

void MixedGroup::write(const std::vector<broker::group::GroupRecord>& records) {
  for (const auto& record : records) {
    const auto encoded = encode(record);
    const auto decoded =
        broker::group::decode(encoded.key, encoded.value ? std::optional{ByteView{*encoded.value}} : std::nullopt);
    REQUIRE(decoded.record);
    CHECK(*decoded.record == record);
    shard->replay(record);
    log.push_back(record);
  }
}

void MixedGroup::check() const {
  Owned seen;
  for (const auto& [name, client] : clients_) {
    for (const auto& partition : client.owned) {
      CAPTURE(name, partition.first, partition.second);
      CHECK(seen.insert(partition).second);
    }
  }
  broker::group::GroupShard loaded{settings};
  loaded.set_image(image);
  for (const auto& record : log) loaded.load(record);
  loaded.finish_loading(now);
  const auto* there = loaded.find_consumer("g");
  REQUIRE((there != nullptr) == is_consumer());
  if (there != nullptr) CHECK(there->describe(*image) == consumer().describe(*image));
}

}  // namespace sluice::test
