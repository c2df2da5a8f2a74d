#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/group/group_shard.hpp"
#include "broker/metrics/group_metrics.hpp"
#include "broker/replication/partition.hpp"
#include "broker/server/io_thread.hpp"
#include "protocol/record/batch_builder.hpp"

namespace sluice::broker {
class BlockingPool;
namespace controller {
class ImageSource;
}
}  // namespace sluice::broker

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
/// Records of requests that come together share a batch: appends are gathered until the event loop's next turn. An
/// answer that rests on records which the shard has taken in, but which are not committed, waits for all appends under
/// way. When such records can't be written, the shard is ahead of the log: everybody who waits is told, and the shard
/// is thrown away and loaded anew, after a pause that grows while that goes on.
///
/// It serves one reign: the leader epoch in which it was made. Once that is over it appends nothing, and what it loads
/// is not used, even if this broker leads again.
///
/// Threading: after `start` everything happens on `thread()`, save for the loading, which makes a shard of its own.
class GroupPartitionDriver : public std::enable_shared_from_this<GroupPartitionDriver> {
 public:
  GroupPartitionDriver(std::shared_ptr<replication::Partition> partition, IoThread& thread,
                       const config::GroupSettings& settings, const controller::ImageSource& images,
                       metrics::GroupMetrics& metrics);

  IoThread& thread() const noexcept { return thread_; }
  const replication::Partition& partition() const noexcept { return *partition_; }
  /// Whether it was made for the reign that `partition` is in.
  bool serves(const replication::Partition& partition) const noexcept {
    return partition_.get() == &partition && is_in_office();
  }

  /// Loads, on `pool` unless the log is empty, what the log holds now, once that is replicated; until then requests are
  /// answered COORDINATOR_LOAD_IN_PROGRESS. `pool` must outlive the driver's work.
  void start(BlockingPool& pool);

  /// Loading that is under way ends soon, and nothing comes of it. From any thread; `stop` has to follow.
  void stop_loading() noexcept { stopping_ = true; }

  // On thread() from here on.

  /// Everybody who waits is told to look for another coordinator, as are those who come later. Loading ends soon.
  void stop();
  /// none, coordinator_load_in_progress or not_coordinator.
  protocol::ErrorCode availability() const noexcept;
  /// Pre: available.
  GroupShard& shard() noexcept { return *shard_; }

  // Pre of all: available.
  void join(const protocol::JoinGroupRequest& request, const Sender& sender,
            Answer<protocol::JoinGroupResponse> answer);
  void sync(const protocol::SyncGroupRequest& request, Answer<protocol::SyncGroupResponse> answer);
  void heartbeat(const protocol::HeartbeatRequest& request, Answer<protocol::HeartbeatResponse> answer);
  void leave(const protocol::LeaveGroupRequest& request, Answer<protocol::LeaveGroupResponse> answer);
  void consumer_heartbeat(const protocol::ConsumerGroupHeartbeatRequest& request, const Sender& sender,
                          Answer<protocol::ConsumerGroupHeartbeatResponse> answer);
  // group_partition_driver_admin.cpp
  void commit(const protocol::OffsetCommitRequest& request, std::int16_t version,
              Answer<protocol::OffsetCommitResponse> answer);
  /// `require_stable`: commits of the group that are under way are waited for. When what the answer rests on could not
  /// be written: not_coordinator, which all consumers know to retry elsewhere.
  void fetch(const GroupShard::FetchOfGroup& request, bool require_stable, Answer<GroupShard::FetchedOfGroup> answer);
  void delete_offsets(const protocol::OffsetDeleteRequest& request, Answer<protocol::OffsetDeleteResponse> answer);
  void delete_group(const std::string& group, Answer<GroupShard::Deleted> answer);
  void describe_consumer(const std::string& group, Answer<GroupShard::ConsumerDescribed> answer);
  /// Also what is being committed to it, or loaded, when it is deleted; may be called before the driver is available.
  void forget_topic(const std::string& topic, const Uuid& topic_id);
  void forget_expired();

 private:
  enum class State { loading, active, stopped };
  using Done = std::function<void(protocol::ErrorCode)>;
  struct Append {
    Offset end = kNoOffset;  ///< kNoOffset: gathered, not in the log yet
    std::string group;
    std::vector<GroupRecord> records{};
    bool is_ahead = false;  ///< the shard has taken some of the records in
    Done done;
    std::vector<Done> waiting{};  ///< until this one is done
  };
  struct WaitingJoin {
    std::string member_id;
    Answer<protocol::JoinGroupResponse> answer;
  };

  // group_load_driver.cpp
  void begin_loading();
  void load(Offset end);
  Result<> replay_log(GroupShard& shard, Offset end) const;
  void replay_batch(GroupShard& shard, const record::BatchView& batch) const;
  std::vector<GroupWrite> leftovers_of(const GroupShard& shard) const;
  void become_active(std::unique_ptr<GroupShard> shard, std::vector<GroupWrite> leftovers);
  void load_later();

  template <class Response>
  void settle(const std::string& group, Decision<Response> decision, Answer<Response> answer);
  void perform(Effects effects);
  void answer_waiting(Effects effects);
  void write(GroupWrite write);
  // group_append_driver.cpp
  void append(const std::string& group, std::vector<GroupRecord> records, Done done);
  void encode_all(const std::vector<GroupRecord>& records);
  void refuse_too_large(Append append);
  void count_rebalance(const std::string& group, const GroupRecord& record);
  void after_appends(Done done);
  void flush();
  void on_replicated(Offset end, protocol::ErrorCode error);
  void fail(std::vector<Append> appends, protocol::ErrorCode error);
  void start_over(protocol::ErrorCode error);
  void refuse_appends(protocol::ErrorCode error);
  void refuse_members(protocol::ErrorCode error);

  bool is_in_office() const noexcept { return partition_->check_leadership(reign_) == protocol::ErrorCode::none; }
  void wait_for_deadline();
  void use_newest_image();
  Now now() const;

  const std::shared_ptr<replication::Partition> partition_;
  const LeaderEpoch reign_;
  IoThread& thread_;
  const config::GroupSettings& settings_;
  const controller::ImageSource& images_;
  metrics::GroupMetrics& metrics_;
  BlockingPool* loaders_ = nullptr;
  std::unique_ptr<GroupShard> shard_;  // never null
  State state_ = State::loading;
  std::atomic<bool> stopping_{false};                  // as `stopped`, for those who load
  std::chrono::milliseconds pause_{0};                 // before it is loaded once more; 0: all is well
  std::vector<std::pair<std::string, Uuid>> deleted_;  // topics, while the groups were loaded
  std::uint64_t next_ticket_ = 1;
  std::unordered_map<Ticket, WaitingJoin> joins_;
  std::unordered_map<Ticket, Answer<protocol::SyncGroupResponse>> syncs_;
  std::deque<Append> appends_;    // ascending by `end`: not yet committed
  std::vector<Append> gathered_;  // whose records are in `builder_`
  bool flush_is_posted_ = false;
  RecordEncoder encoder_;  // what is about to be gathered
  record::BatchBuilder builder_;
  std::unique_ptr<Timer> timer_;  // of the shard's next deadline, or of the pause
  Instant timer_due_{0};
};

/// A response that tells of an error and nothing else.
template <class Response>
Response refused(protocol::ErrorCode error) {
  Response response;
  response.error_code = error;
  return response;
}

/// What clients of a coordinator are told when its records could not be written, as in Kafka.
protocol::ErrorCode coordinator_error(protocol::ErrorCode append_error) noexcept;

}  // namespace sluice::broker::group
