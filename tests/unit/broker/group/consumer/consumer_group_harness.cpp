#include "tests/unit/broker/group/consumer/consumer_group_harness.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <utility>

namespace sluice::test {
namespace {

using namespace broker::group;
using broker::controller::TopicImage;

const std::string kGroup{"g"};

std::vector<int> numbers(const TopicPartitions& partitions, const Uuid& topic) {
  std::vector<int> result;
  for (const auto partition : partitions.of(topic)) result.push_back(partition.value());
  return result;
}

void add_partitions(TopicImage& topic, int count, const std::vector<BrokerId>& replicas) {
  while (static_cast<int>(topic.partitions.size()) < count) {
    auto& partition = topic.partitions.emplace_back();
    partition.partition = PartitionId{static_cast<int>(topic.partitions.size()) - 1};
    partition.replicas = replicas;
  }
}

/// As it comes back from the log.
GroupRecord reread(const GroupRecord& record) {
  const auto encoded = encode(record);
  const auto decoded =
      decode(ByteView{encoded.key}, encoded.value ? std::optional{ByteView{*encoded.value}} : std::nullopt);
  REQUIRE(decoded.problem == DecodeProblem::none);
  return *decoded.record;
}

/// What the cleaner leaves of a log whose first `cleaned` records it has been through: of each key the last one, and no
/// tombstones.
std::vector<GroupRecord> compacted(const std::vector<GroupRecord>& log, std::size_t cleaned) {
  std::set<std::vector<std::byte>> seen;
  std::vector<GroupRecord> kept{log.rbegin(), log.rend() - static_cast<std::ptrdiff_t>(cleaned)};
  for (auto at = cleaned; at-- > 0;) {
    auto encoded = encode(log[at]);
    if (seen.insert(std::move(encoded.key)).second && encoded.value) kept.push_back(log[at]);
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

void replay(ConsumerGroup& group, const GroupRecord& record) {
  std::visit(
      [&](const auto& known) {
        if constexpr (requires { group.replay(known); }) group.replay(known);
      },
      record);
}

}  // namespace

ConsumerGroupHarness::ConsumerGroupHarness(broker::config::GroupSettings given)
    : settings(std::move(given)), group(std::make_unique<ConsumerGroup>(kGroup, settings)) {
  image.set_version(Offset{1});
}

void ConsumerGroupHarness::create(const std::string& topic, int partitions, const std::vector<int>& replicas) {
  auto made = std::make_shared<TopicImage>();
  made->name = topic;
  made->id = Uuid{{'t', ++topics_made_}};
  std::vector<BrokerId> on;
  for (const auto replica : replicas) on.emplace_back(replica);
  add_partitions(*made, partitions, on);
  image.add_topic(std::move(made));
  touch();
}

void ConsumerGroupHarness::grow(const std::string& topic, int partitions) {
  const auto& before = *image.find_topic(topic);
  auto after = std::make_shared<TopicImage>(before);
  add_partitions(*after, partitions, before.partitions.front().replicas);
  image.replace_topic(before, std::move(after));
  touch();
}

void ConsumerGroupHarness::remove(const std::string& topic) {
  image.remove_topic(*image.find_topic(topic));
  touch();
}

void ConsumerGroupHarness::set_rack(int broker, std::optional<std::string> rack) {
  image.set_broker({.id = BrokerId{broker}, .rack = std::move(rack), .endpoints = {}});
  touch();
}

ConsumerGroupHarness::Response ConsumerGroupHarness::send(const Request& request, std::int16_t version) {
  auto decision = group->heartbeat({.request = request,
                                    .version = version,
                                    .client_id = "client",
                                    .client_host = "/127.0.0.1",
                                    .fresh_id = Uuid{{'f', 'r', 'e', 's', 'h'}}},
                                   image, now);
  write(std::move(decision.records));
  return std::move(decision.response);
}

ConsumerGroupHarness::Response ConsumerGroupHarness::join(const std::string& id, std::vector<std::string> topics,
                                                          const Change& change) {
  auto& client = clients_[id];
  client = {.id = id};
  auto request = request_of(client);
  request.rebalance_timeout_ms = 60'000;
  request.subscribed_topic_names = std::move(topics);
  if (change) change(request);
  client.instance = request.instance_id;
  const auto response = exchange(request, {});
  obey(client, response);
  return response;
}

ConsumerGroupHarness::Response ConsumerGroupHarness::join_static(const std::string& id, const std::string& instance,
                                                                 std::vector<std::string> topics) {
  return join(id, std::move(topics), [&](Request& request) { request.instance_id = instance; });
}

ConsumerGroupHarness::Response ConsumerGroupHarness::beat(const std::string& id, const Change& change) {
  auto& client = clients_.at(id);
  const auto response = exchange(request_of(client), change);
  obey(client, response);
  return response;
}

ConsumerGroupHarness::Response ConsumerGroupHarness::beat_in_vain(const std::string& id, const Change& change) {
  return exchange(request_of(clients_.at(id)), change);
}

ConsumerGroupHarness::Response ConsumerGroupHarness::leave(const std::string& id, std::int32_t epoch) {
  auto request = request_of(clients_.at(id));
  request.member_epoch = epoch;
  request.topic_partitions.reset();
  const auto response = send(request);
  if (response.error_code == protocol::ErrorCode::none) clients_.erase(id);
  return response;
}

void ConsumerGroupHarness::settle() {
  for (int round = 0; round < 20; ++round) {
    std::size_t written = 0;
    for (auto& [id, client] : clients_) {
      beat(id);
      written += written_;
    }
    if (written == 0) return;
  }
  FAIL("the group does not settle");
}

bool ConsumerGroupHarness::pass(std::chrono::milliseconds time) {
  now.steady += time;
  now.wall = now.wall + time.count();
  written_ = 0;
  if (!group->next_deadline() || *group->next_deadline() > now.steady) return false;
  for (auto& write_of_group : group->tick(now).writes) {
    CHECK(write_of_group.replayed);
    CHECK(write_of_group.group == kGroup);
    write(std::move(write_of_group.records));
  }
  const auto next = group->next_deadline();
  CHECK((!next || *next > now.steady));
  return true;
}

ConsumerGroupHarness::Partitions ConsumerGroupHarness::owned(const std::string& id, const std::string& topic) const {
  return numbers(clients_.at(id).owned, id_of(topic));
}

ConsumerGroupHarness::Partitions ConsumerGroupHarness::assigned(const std::string& id, const std::string& topic) const {
  return numbers(member(id).assigned, id_of(topic));
}

ConsumerGroupHarness::Partitions ConsumerGroupHarness::pending(const std::string& id, const std::string& topic) const {
  return numbers(member(id).pending_revocation, id_of(topic));
}

void ConsumerGroupHarness::restart() { group = replayed(log); }

ConsumerGroupHarness::Request ConsumerGroupHarness::request_of(const Client& client) const {
  Request request;
  request.group_id = kGroup;
  request.member_id = client.id;
  request.member_epoch = client.epoch;
  request.instance_id = client.instance;
  request.topic_partitions = to_items<std::vector<Request::TopicPartitions>>(client.owned);
  return request;
}

ConsumerGroupHarness::Response ConsumerGroupHarness::exchange(const Request& request, const Change& change) {
  auto changed = request;
  if (change) change(changed);
  return send(changed);
}

void ConsumerGroupHarness::obey(Client& client, const Response& response) {
  if (response.error_code != protocol::ErrorCode::none) return;
  client.epoch = response.member_epoch;
  if (response.assignment) client.owned = from_items(response.assignment->topic_partitions);
}

std::unique_ptr<ConsumerGroup> ConsumerGroupHarness::replayed(const std::vector<GroupRecord>& records) const {
  auto fresh = std::make_unique<ConsumerGroup>(kGroup, settings);
  for (const auto& record : records) replay(*fresh, reread(record));
  fresh->restore(image, now);
  return fresh;
}

void ConsumerGroupHarness::write(std::vector<GroupRecord> records) {
  written_ = records.size();
  for (auto& record : records) log.push_back(std::move(record));
  if (written_ > 0) check_log();
  check_owners();
}

void ConsumerGroupHarness::check_log() const {
  check_same(*replayed(log));
  check_same(*replayed(compacted(log, log.size())));
  check_same(*replayed(compacted(log, log.size() * 2 / 3)));
}

void ConsumerGroupHarness::check_same(const ConsumerGroup& other) const {
  CHECK(other.describe(image) == group->describe(image));
  CHECK(other.tombstones() == group->tombstones());
  CHECK(other.owners().size() == group->owners().size());
  REQUIRE(other.members().size() == group->members().size());
  for (const auto& [id, member] : group->members()) {
    const auto& same = other.members().at(id);
    CHECK(progress_of(member) == progress_of(same));
    CHECK(member.previous_member_epoch == same.previous_member_epoch);
    CHECK(member.rebalance_timeout == same.rebalance_timeout);
    CHECK(member.server_assignor == same.server_assignor);
    CHECK(member.rebalance_deadline.has_value() == same.rebalance_deadline.has_value());
  }
}

void ConsumerGroupHarness::check_owners() const {
  std::set<std::pair<Uuid, PartitionId>> taken;
  for (const auto& [id, member] : group->members()) {
    CHECK(member.member_epoch <= group->assignment_epoch());
    for (const auto* set : {&member.assigned, &member.pending_revocation}) {
      for (const auto& [topic, partitions] : set->topics()) {
        for (const auto partition : partitions) {
          CHECK(taken.emplace(topic, partition).second);
          const auto* owner = group->owners().find(topic, partition);
          REQUIRE(owner != nullptr);
          CHECK(owner->member == &member);
        }
      }
    }
  }
  CHECK(taken.size() == group->owners().size());
  CHECK(group->assignment_epoch() <= group->group_epoch());
}

}  // namespace sluice::test
