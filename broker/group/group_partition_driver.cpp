#include "broker/group/group_partition_driver.hpp"

#include <spdlog/spdlog.h>
#include <utility>

#include "broker/api/error_map.hpp"
#include "broker/wall_clock.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

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
                                           const config::GroupSettings& settings)
    : partition_(std::move(partition)), thread_(thread), shard_(settings) {}

Now GroupPartitionDriver::now() const {
  return {.wall = wall_clock_now(),
          .steady = std::chrono::duration_cast<Instant>(std::chrono::steady_clock::now().time_since_epoch())};
}

ErrorCode GroupPartitionDriver::availability() const noexcept {
  switch (state_) {
    case State::loading: return ErrorCode::coordinator_load_in_progress;
    case State::active: return partition_->is_leader() ? ErrorCode::none : ErrorCode::not_coordinator;
    case State::stopped: break;
  }
  return ErrorCode::not_coordinator;
}

void GroupPartitionDriver::stop() {
  if (state_ == State::active) perform(shard_.abandon(ErrorCode::not_coordinator));
  state_ = State::stopped;
  timer_.reset();
}

void GroupPartitionDriver::join(const protocol::JoinGroupRequest& request, const Sender& sender,
                                Answer<protocol::JoinGroupResponse> answer) {
  const Ticket ticket{next_ticket_++};
  joins_.emplace(ticket, std::move(answer));
  perform(shard_.join({.request = request,
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
  perform(shard_.sync(request, ticket, now()));
}

void GroupPartitionDriver::heartbeat(const protocol::HeartbeatRequest& request,
                                     const Answer<protocol::HeartbeatResponse>& answer) {
  answer(shard_.heartbeat(request, now()));
  wait_for_deadline();
}

void GroupPartitionDriver::leave(const protocol::LeaveGroupRequest& request,
                                 const Answer<protocol::LeaveGroupResponse>& answer) {
  auto decision = shard_.leave(request, now());
  answer(std::move(decision.response));
  perform(std::move(decision.effects));
}

void GroupPartitionDriver::commit(const protocol::OffsetCommitRequest& request,
                                  Answer<protocol::OffsetCommitResponse> answer) {
  auto decision = shard_.commit(request, now());
  wait_for_deadline();
  if (decision.records.empty()) return answer(std::move(decision.response));
  append(request.group_id, std::move(decision.records),
         [answer = std::move(answer), response = std::move(decision.response)](ErrorCode error) mutable {
           for (auto& topic : response.topics) {
             for (auto& partition : topic.partitions) {
               if (partition.error_code == ErrorCode::none) partition.error_code = error;
             }
           }
           answer(std::move(response));
         });
}

void GroupPartitionDriver::delete_offsets(const protocol::OffsetDeleteRequest& request,
                                          Answer<protocol::OffsetDeleteResponse> answer) {
  auto decision = shard_.delete_offsets(request);
  if (decision.records.empty()) return answer(std::move(decision.response));
  append(request.group_id, std::move(decision.records),
         [answer = std::move(answer), response = std::move(decision.response)](ErrorCode error) mutable {
           response.error_code = error;
           if (error != ErrorCode::none) response.topics.clear();
           answer(std::move(response));
         });
}

void GroupPartitionDriver::delete_group(const std::string& group, Answer<GroupShard::Deleted> answer) {
  auto decision = shard_.delete_group(group);
  if (decision.records.empty()) return answer(std::move(decision.response));
  append(group, std::move(decision.records),
         [answer = std::move(answer), response = std::move(decision.response)](ErrorCode error) mutable {
           response.error_code = error;
           answer(std::move(response));
         });
}

void GroupPartitionDriver::forget_topic(const std::string& topic, const Uuid& topic_id) {
  for (auto& gone : shard_.forget_topic(topic, topic_id)) write(std::move(gone));
}

void GroupPartitionDriver::forget_expired() {
  auto writes = shard_.forget_expired(now());
  std::size_t records = 0;
  for (auto& gone : writes) {
    records += gone.records.size();
    write(std::move(gone));
  }
  if (records > 0) spdlog::info("partition={} expired_records={}", partition_->name().to_string(), records);
}

void GroupPartitionDriver::perform(Effects effects) {
  for (auto& [ticket, response] : effects.joins) {
    if (auto waiting = joins_.extract(ticket)) waiting.mapped()(std::move(response));
  }
  for (auto& [ticket, response] : effects.syncs) {
    if (auto waiting = syncs_.extract(ticket)) waiting.mapped()(std::move(response));
  }
  for (auto& one : effects.writes) write(std::move(one));
  wait_for_deadline();
}

void GroupPartitionDriver::write(GroupWrite write) {
  const auto group = write.group;
  auto records = write.records;
  append(group, std::move(records), [this, write = std::move(write)](ErrorCode error) mutable {
    perform(shard_.on_stored(std::move(write), error, now()));
  });
}

void GroupPartitionDriver::append(const std::string& group, std::vector<GroupRecord> records, Done done) {
  const auto time = wall_clock_now();
  builder_.reset({});
  for (const auto& record : records) {
    const auto encoded = encode(record);
    builder_.append({.timestamp = time,
                     .key = ByteView{encoded.key},
                     .value = encoded.value ? std::optional{ByteView{*encoded.value}} : std::nullopt});
  }
  const auto built = builder_.build();
  std::vector<std::byte> bytes{built.begin(), built.end()};
  const auto batch = record::MutableBatch::parse(bytes);
  SLUICE_ASSERT(batch, group);
  const auto appended = partition_->append(*batch, time);
  if (!appended) return done(coordinator_error(api::to_error_code(appended.error())));
  const auto end = appended->last_offset + 1;
  shard_.on_append(group);
  appends_.push_back({end, group, std::move(records), std::move(done)});
  partition_->when_replicated(end, [weak = weak_from_this(), end](ErrorCode error) {
    const auto self = weak.lock();
    if (!self) return;
    self->thread_.post([weak, end, error] {
      if (const auto driver = weak.lock()) driver->on_replicated(end, error);
    });
  });
}

/// Acknowledgements may overtake one another; what is replicated up to `end` is so for all that lies below.
void GroupPartitionDriver::on_replicated(Offset end, ErrorCode error) {
  while (!appends_.empty() && appends_.front().end <= end) {
    auto append = std::move(appends_.front());
    appends_.pop_front();
    if (error == ErrorCode::none) {
      for (const auto& record : append.records) shard_.replay(record);
    }
    append.done(coordinator_error(error));
    shard_.on_appended(append.group);
  }
  wait_for_deadline();
}

void GroupPartitionDriver::wait_for_deadline() {
  if (state_ != State::active) return;
  const auto next = shard_.next_deadline();
  if (!next) return timer_.reset();
  if (timer_ && timer_due_ <= *next) return;  // it wakes early and looks again: deadlines mostly move away
  timer_due_ = *next;
  const auto delay = std::max(*next - now().steady, Instant{0}) + Instant{1};
  timer_ = thread_.after(delay, [this] {
    const auto fired = std::move(timer_);
    perform(shard_.tick(now()));
  });
}

}  // namespace sluice::broker::group
