#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/group/group_shard.hpp"
#include "broker/replication/partition.hpp"
#include "broker/server/io_thread.hpp"
#include "protocol/record/batch_builder.hpp"

namespace sluice::broker {
class BlockingPool;
}

namespace sluice::broker::group {

template <class Response>
using Answer = std::function<void(Response)>;

/// Who sent a request of a group's member.
struct Sender {
  std::int16_t version = 0;
  std::string client_id;
  std::string client_host;
};

/// Does the I/O of one partition's GroupShard: loads it from the log, appends its records, answers and replays when
/// they are committed, and wakes it when time has passed.
///
/// Threading: after `start` everything happens on `thread()`, save for the loading, which has the shard to itself.
class GroupPartitionDriver : public std::enable_shared_from_this<GroupPartitionDriver> {
 public:
  GroupPartitionDriver(std::shared_ptr<replication::Partition> partition, IoThread& thread,
                       const config::GroupSettings& settings);

  IoThread& thread() const noexcept { return thread_; }
  const replication::Partition& partition() const noexcept { return *partition_; }

  /// Loads, on `pool` unless the log is empty, what the log holds now, once that is replicated; until then requests are
  /// answered COORDINATOR_LOAD_IN_PROGRESS.
  void start(BlockingPool& pool);

  // On thread() from here on.

  /// Everybody who waits is told to look for another coordinator, as are those who come later.
  void stop();
  /// none, coordinator_load_in_progress or not_coordinator.
  protocol::ErrorCode availability() const noexcept;
  /// Pre: available.
  GroupShard& shard() noexcept { return shard_; }

  // Pre of all: available.
  void join(const protocol::JoinGroupRequest& request, const Sender& sender,
            Answer<protocol::JoinGroupResponse> answer);
  void sync(const protocol::SyncGroupRequest& request, Answer<protocol::SyncGroupResponse> answer);
  void heartbeat(const protocol::HeartbeatRequest& request, const Answer<protocol::HeartbeatResponse>& answer);
  void leave(const protocol::LeaveGroupRequest& request, const Answer<protocol::LeaveGroupResponse>& answer);
  void commit(const protocol::OffsetCommitRequest& request, Answer<protocol::OffsetCommitResponse> answer);
  void delete_offsets(const protocol::OffsetDeleteRequest& request, Answer<protocol::OffsetDeleteResponse> answer);
  void delete_group(const std::string& group, Answer<GroupShard::Deleted> answer);
  void forget_topic(const std::string& topic, const Uuid& topic_id);
  void forget_expired();

 private:
  enum class State { loading, active, stopped };
  using Done = std::function<void(protocol::ErrorCode)>;
  struct Append {
    Offset end;
    std::string group;
    std::vector<GroupRecord> records;
    Done done;
  };

  void load(Offset end);
  Result<> replay_log(Offset end);
  void replay_batch(const record::BatchView& batch);
  void become_active();

  void perform(Effects effects);
  void write(GroupWrite write);
  void append(const std::string& group, std::vector<GroupRecord> records, Done done);
  void on_replicated(Offset end, protocol::ErrorCode error);
  void wait_for_deadline();
  Now now() const;

  const std::shared_ptr<replication::Partition> partition_;
  IoThread& thread_;
  GroupShard shard_;
  State state_ = State::loading;
  std::uint64_t next_ticket_ = 1;
  std::unordered_map<Ticket, Answer<protocol::JoinGroupResponse>> joins_;
  std::unordered_map<Ticket, Answer<protocol::SyncGroupResponse>> syncs_;
  std::deque<Append> appends_;  // ascending by `end`: not yet committed
  record::BatchBuilder builder_;
  std::unique_ptr<Timer> timer_;
  Instant timer_due_{0};
};

/// What clients of a coordinator are told when its records could not be written, as in Kafka.
protocol::ErrorCode coordinator_error(protocol::ErrorCode append_error) noexcept;

}  // namespace sluice::broker::group
