#include "tests/unit/broker/group/simulation/coordinator.hpp"

#include <array>
#include <utility>

#include "tests/unit/broker/group/simulation/consumer_protocol.hpp"

namespace sluice::test::sim {

using broker::group::Effects;
using broker::group::GroupRecord;
using broker::group::GroupShard;
using broker::group::GroupWrite;
using broker::group::Ticket;
using protocol::ErrorCode;

namespace {

constexpr Timestamp kFirstDay{1'700'000'000'000};

template <class Response>
void set_error(Response& response, ErrorCode error) {
  response.error_code = error;
}
void set_error(protocol::OffsetCommitResponse& response, ErrorCode error) {
  for (auto& topic : response.topics) {
    for (auto& partition : topic.partitions) {
      if (partition.error_code == ErrorCode::none) partition.error_code = error;
    }
  }
}

protocol::OffsetCommitResponse answer_to(const protocol::OffsetCommitRequest& request) {
  protocol::OffsetCommitResponse response;
  for (const auto& topic : request.topics) {
    auto& to = response.topics.emplace_back();
    to.name = topic.name;
    for (const auto& partition : topic.partitions) {
      to.partitions.emplace_back().partition_index = partition.partition_index;
    }
  }
  return response;
}

}  // namespace

Coordinator::Coordinator(World& world, const Topics& topics, const broker::config::GroupSettings& settings,
                         Witnesses witnesses)
    : world_(world), topics_(topics), settings_(settings), witnesses_(witnesses) {
  stored_ = std::make_unique<GroupShard>(settings_);
  load();
}

broker::group::Now Coordinator::time() const {
  return {.wall = kFirstDay + world_.now().count(), .steady = steady_base_ + world_.now()};
}

Uuid Coordinator::fresh_id() {
  std::array<std::uint8_t, 16> bytes{};
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(world_.random.next());
  return Uuid{bytes};
}

/// True when there is no coordinator to serve the request; some of those who ask are told.
template <class Response>
bool Coordinator::refuses(const Answer<Response>& answer, Response response) {
  if (is_up()) {
    shard_->set_image(std::make_shared<const broker::controller::MetadataImage>(topics_.image()));
    return false;
  }
  if (world_.random.one_in(2)) return true;
  set_error(response, ErrorCode::coordinator_load_in_progress);
  answer(response);
  return true;
}

void Coordinator::join(const protocol::JoinGroupRequest& request, std::int16_t version,
                       const Answer<protocol::JoinGroupResponse>& answer) {
  if (refuses(answer)) return;
  const auto subscription = decode_subscription(request.protocols.front().metadata);
  // What somebody claims who was put out of the group meanwhile does not count.
  const auto* group = shard_->find_consumer(kGroup);
  const bool is_member = group == nullptr || group->members().contains(request.member_id);
  witnesses_.told.on_heard(request.member_id, is_member ? set_of(subscription.owned_partitions) : TopicPartitionSet{});
  const Ticket ticket{next_ticket_++};
  joins_.emplace(ticket, WaitingJoin{request.member_id, answer});
  perform(shard_->join({.request = request,
                        .version = version,
                        .client_id = "c",
                        .client_host = "/127.0.0.1",
                        .fresh_id = fresh_id(),
                        .ticket = ticket},
                       time()));
}

void Coordinator::sync(const protocol::SyncGroupRequest& request, const Answer<protocol::SyncGroupResponse>& answer) {
  if (refuses(answer)) return;
  const Ticket ticket{next_ticket_++};
  const auto owner = request.group_instance_id.value_or(request.member_id);
  const auto number = witnesses_.told.on_heard(request.member_id, std::nullopt);
  syncs_.emplace(ticket, [this, answer, owner, number, member = request.member_id,
                          generation = request.generation_id](const auto& response) {
    if (response.error_code == ErrorCode::none) {
      const auto assigned = partitions_of(response.assignment);
      witnesses_.generations.on_given(generation, owner, assigned);
      witnesses_.told.on_told(member, number, assigned, stored_->find_consumer(kGroup));
    }
    answer(response);
  });
  perform(shard_->sync(request, ticket, time()));
}

void Coordinator::heartbeat(const protocol::HeartbeatRequest& request,
                            const Answer<protocol::HeartbeatResponse>& answer) {
  if (refuses(answer)) return;
  answer(shard_->heartbeat(request, time()));
  wait_for_deadline();
}

void Coordinator::leave(const protocol::LeaveGroupRequest& request,
                        const Answer<protocol::LeaveGroupResponse>& answer) {
  if (refuses(answer)) return;
  for (const auto& leaving : request.members) witnesses_.told.on_left(leaving.member_id);
  auto decision = shard_->leave(request, time());
  if (!decision.records.empty()) append(request.group_id, std::move(decision.records), [](ErrorCode) {});
  answer(decision.response);
  perform(std::move(decision.effects));
}

void Coordinator::consumer_heartbeat(const protocol::ConsumerGroupHeartbeatRequest& request,
                                     const Answer<protocol::ConsumerGroupHeartbeatResponse>& answer) {
  if (refuses(answer)) return;
  auto decision = shard_->consumer_heartbeat(
      {.request = request, .version = 1, .client_id = "c", .client_host = "/127.0.0.1", .fresh_id = fresh_id()},
      time());
  const auto number = witnesses_.told.on_heard(
      request.member_id, request.topic_partitions ? std::optional{set_of(*request.topic_partitions)} : std::nullopt);
  if (request.member_epoch < 0) witnesses_.told.on_left(request.member_id);
  auto respond = [this, answer, member = request.member_id, number,
                  response = std::move(decision.response)](ErrorCode error) {
    if (error == ErrorCode::none && response.assignment) {
      witnesses_.told.on_told(member, number, set_of(response.assignment->topic_partitions),
                              stored_->find_consumer(kGroup));
    }
    if (error == ErrorCode::none) return answer(response);
    protocol::ConsumerGroupHeartbeatResponse failed;
    failed.error_code = error;
    answer(failed);
  };
  if (decision.records.empty()) {
    after_appends(std::move(respond));
  } else {
    append(request.group_id, std::move(decision.records), std::move(respond));
  }
  if (is_up()) perform(std::move(decision.effects));
}

void Coordinator::commit(const protocol::OffsetCommitRequest& request,
                         const Answer<protocol::OffsetCommitResponse>& answer) {
  // Who handles requests turns down topics that are no more; here they come one by one.
  if (topics_.partition_count(topic_of(request.topics.front().name)) == 0) {
    auto response = answer_to(request);
    set_error(response, ErrorCode::unknown_topic_or_partition);
    return answer(response);
  }
  if (refuses(answer, answer_to(request))) return;
  auto decision = shard_->commit(request, 10, time());
  wait_for_deadline();
  if (decision.records.empty()) return answer(decision.response);
  append(request.group_id, std::move(decision.records),
         [answer, response = std::move(decision.response)](ErrorCode error) mutable {
           if (error != ErrorCode::none) set_error(response, error);
           answer(response);
         });
}

void Coordinator::fetch(const GroupShard::FetchOfGroup& request, const Answer<GroupShard::FetchedOfGroup>& answer) {
  if (refuses(answer)) return;
  auto response = shard_->fetch(request);
  if (response.error_code == ErrorCode::none) return answer(response);
  after_appends([answer, response = std::move(response)](ErrorCode error) mutable {
    if (error != ErrorCode::none) response.error_code = error;
    answer(response);
  });
}

void Coordinator::on_topic_deleted(int topic) {
  if (!is_up()) return;
  shard_->set_image(std::make_shared<const broker::controller::MetadataImage>(topics_.image()));
  for (auto& gone : shard_->forget_topic(name_of(topic), id_of(topic))) write(std::move(gone));
}

void Coordinator::forget_expired() {
  if (!is_up()) return;
  for (auto& gone : shard_->forget_expired(time())) write(std::move(gone));
}

void Coordinator::perform(Effects effects) {
  auto writes = std::exchange(effects.writes, {});
  if (!effects.wait_for_appends) answer_waiting(std::exchange(effects, {}));
  for (auto& one : writes) write(std::move(one));
  if (!effects.joins.empty() || !effects.syncs.empty()) {
    after_appends([this, effects = std::move(effects)](ErrorCode error) {
      if (error == ErrorCode::none) answer_waiting(effects);
    });
  }
  wait_for_deadline();
}

void Coordinator::answer_waiting(Effects effects) {
  for (const auto& [ticket, response] : effects.joins) {
    auto waiting = joins_.extract(ticket);
    world_.promise(!waiting.empty(), "a JoinGroup is answered twice");
    waiting.mapped().answer(response);
  }
  for (const auto& [ticket, response] : effects.syncs) {
    auto waiting = syncs_.extract(ticket);
    world_.promise(!waiting.empty(), "a SyncGroup is answered twice");
    waiting.mapped()(response);
  }
}

void Coordinator::write(GroupWrite write) {
  const auto group = write.group;
  auto records = write.records;
  if (write.replayed) return append(group, std::move(records), [](ErrorCode) {});
  append(group, std::move(records), [this, life = life_, write = std::move(write)](ErrorCode error) {
    if (is_up() && life == life_) perform(shard_->on_stored(write, error, time()));
  });
}

}  // namespace sluice::test::sim
