#include "broker/group/group_partition_driver.hpp"

#include <algorithm>
#include <utility>

#include "broker/controller/controller.hpp"
#include "broker/wall_clock.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

namespace {

void turn_into_refusals(Effects& effects, ErrorCode error) {
  for (auto& [ticket, response] : effects.joins) {
    auto member_id = std::move(response.member_id);
    response = refused<protocol::JoinGroupResponse>(error);
    response.member_id = std::move(member_id);
  }
  for (auto& [ticket, response] : effects.syncs) response = refused<protocol::SyncGroupResponse>(error);
}

bool rests_on_appends(const Effects& effects) {
  return effects.wait_for_appends ||
         std::any_of(effects.writes.begin(), effects.writes.end(), [](const auto& write) { return write.replayed; });
}

}  // namespace

ErrorCode coordinator_error(ErrorCode append_error) noexcept {
  switch (append_error) {
    case ErrorCode::none: return ErrorCode::none;
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::not_enough_replicas_after_append:
    case ErrorCode::request_timed_out: return ErrorCode::coordinator_not_available;
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::kafka_storage_error: return ErrorCode::not_coordinator;
    default: return ErrorCode::unknown_server_error;
  }
}

GroupPartitionDriver::GroupPartitionDriver(std::shared_ptr<replication::Partition> partition, IoThread& thread,
                                           const config::GroupSettings& settings, const controller::ImageSource& images,
                                           metrics::GroupMetrics& metrics)
    : partition_(std::move(partition)),
      reign_(partition_->leader_epoch()),
      thread_(thread),
      settings_(settings),
      images_(images),
      metrics_(metrics),
      shard_(std::make_unique<GroupShard>(settings)) {}

Now GroupPartitionDriver::now() const {
  return {.wall = wall_clock_now(),
          .steady = std::chrono::duration_cast<Instant>(std::chrono::steady_clock::now().time_since_epoch())};
}

ErrorCode GroupPartitionDriver::availability() const noexcept {
  switch (state_) {
    case State::loading: return ErrorCode::coordinator_load_in_progress;
    case State::active: return is_in_office() ? ErrorCode::none : ErrorCode::not_coordinator;
    case State::stopped: break;
  }
  return ErrorCode::not_coordinator;
}

void GroupPartitionDriver::stop() {
  stopping_ = true;
  state_ = State::stopped;
  timer_.reset();
  flush();
  refuse_members(ErrorCode::not_coordinator);  // appends under way are answered when they are done
}

/// Those whose JoinGroup or SyncGroup waits for others.
void GroupPartitionDriver::refuse_members(ErrorCode error) {
  for (auto& [ticket, join] : std::exchange(joins_, {})) {
    auto response = refused<protocol::JoinGroupResponse>(error);
    response.member_id = std::move(join.member_id);
    join.answer(std::move(response));
  }
  for (auto& [ticket, answer] : std::exchange(syncs_, {})) answer(refused<protocol::SyncGroupResponse>(error));
}

void GroupPartitionDriver::use_newest_image() { shard_->set_image(images_.image()); }

void GroupPartitionDriver::join(const protocol::JoinGroupRequest& request, const Sender& sender,
                                Answer<protocol::JoinGroupResponse> answer) {
  const Ticket ticket{next_ticket_++};
  joins_.emplace(ticket, WaitingJoin{request.member_id, std::move(answer)});
  use_newest_image();
  perform(shard_->join({.request = request,
                        .version = sender.version,
                        .client_id = sender.client_id,
                        .client_host = sender.client_host,
                        .fresh_id = Uuid::random(),
                        .ticket = ticket},
                       now()));
}

void GroupPartitionDriver::sync(const protocol::SyncGroupRequest& request, Answer<protocol::SyncGroupResponse> answer) {
  const Ticket ticket{next_ticket_++};
  syncs_.emplace(ticket, std::move(answer));
  use_newest_image();
  perform(shard_->sync(request, ticket, now()));
}

void GroupPartitionDriver::heartbeat(const protocol::HeartbeatRequest& request,
                                     Answer<protocol::HeartbeatResponse> answer) {
  Decision<protocol::HeartbeatResponse> decision{.response = shard_->heartbeat(request, now())};
  decision.effects.wait_for_appends = shard_->find_consumer(request.group_id) != nullptr;
  settle(request.group_id, std::move(decision), std::move(answer));
}

void GroupPartitionDriver::leave(const protocol::LeaveGroupRequest& request,
                                 Answer<protocol::LeaveGroupResponse> answer) {
  use_newest_image();
  settle(request.group_id, shard_->leave(request, now()), std::move(answer));
}

void GroupPartitionDriver::consumer_heartbeat(const protocol::ConsumerGroupHeartbeatRequest& request,
                                              const Sender& sender,
                                              Answer<protocol::ConsumerGroupHeartbeatResponse> answer) {
  use_newest_image();
  auto decision = shard_->consumer_heartbeat({.request = request,
                                              .version = sender.version,
                                              .client_id = sender.client_id,
                                              .client_host = sender.client_host,
                                              .fresh_id = Uuid::random()},
                                             now());
  decision.effects.wait_for_appends = true;
  settle(request.group_id, std::move(decision), std::move(answer));
}

/// Appends the records of a decision, does the rest, and answers when all is committed that the answer rests on.
template <class Response>
void GroupPartitionDriver::settle(const std::string& group, Decision<Response> decision, Answer<Response> answer) {
  auto respond = [answer = std::move(answer), response = std::move(decision.response)](ErrorCode error) mutable {
    answer(error == ErrorCode::none ? std::move(response) : refused<Response>(error));
  };
  const bool waits = rests_on_appends(decision.effects);
  if (!decision.records.empty()) {
    append(group, std::move(decision.records), std::move(respond));
    return perform(std::move(decision.effects));
  }
  perform(std::move(decision.effects));
  if (waits) return after_appends(std::move(respond));
  respond(ErrorCode::none);
}

/// Appends first: an answer may bring the next request at once.
void GroupPartitionDriver::perform(Effects effects) {
  const bool waits = rests_on_appends(effects);
  for (auto& one : std::exchange(effects.writes, {})) write(std::move(one));
  wait_for_deadline();
  if (!waits) return answer_waiting(std::move(effects));
  if (effects.joins.empty() && effects.syncs.empty()) return;
  after_appends([this, effects = std::move(effects)](ErrorCode error) mutable {
    if (error != ErrorCode::none) turn_into_refusals(effects, error);
    answer_waiting(std::move(effects));
  });
}

void GroupPartitionDriver::answer_waiting(Effects effects) {
  for (auto& [ticket, response] : effects.joins) {
    if (auto waiting = joins_.extract(ticket)) waiting.mapped().answer(std::move(response));
  }
  for (auto& [ticket, response] : effects.syncs) {
    if (auto waiting = syncs_.extract(ticket)) waiting.mapped()(std::move(response));
  }
}

void GroupPartitionDriver::write(GroupWrite write) {
  const auto group = write.group;
  if (write.replayed) return append(group, std::move(write.records), [](ErrorCode) {});
  auto records = write.records;
  append(group, std::move(records), [this, write = std::move(write)](ErrorCode error) mutable {
    if (state_ == State::active) perform(shard_->on_stored(std::move(write), error, now()));
  });
}

void GroupPartitionDriver::wait_for_deadline() {
  if (state_ != State::active) return;
  const auto next = shard_->next_deadline();
  if (!next) return timer_.reset();
  if (timer_ && timer_due_ <= *next) return;  // it wakes early and looks again: deadlines mostly move away
  timer_due_ = *next;
  const auto delay = std::max(*next - now().steady, Instant{0}) + Instant{1};
  timer_ = thread_.after(delay, [this] {
    const auto fired = std::move(timer_);
    use_newest_image();
    perform(shard_->tick(now()));
  });
}

}  // namespace sluice::broker::group
