#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/group/group_shard.hpp"
#include "tests/unit/broker/group/simulation/ledger.hpp"
#include "tests/unit/broker/group/simulation/network.hpp"
#include "tests/unit/broker/group/simulation/ownership.hpp"
#include "tests/unit/broker/group/simulation/topics.hpp"
#include "tests/unit/broker/group/simulation/world.hpp"

namespace sluice::test::sim {

inline const std::string kGroup = "g";

/// What a GroupPartitionDriver does, in memory and in the time of a World: a shard, and a log whose appends are
/// committed a while later, fail, or are lost when the coordinator dies.
///
/// Beside the live shard there is a second one that takes in what the log holds and nothing else; whenever nothing is
/// under way the two must hold the same.
class Coordinator {
 public:
  struct Faults {
    int failed_appends_per_mille = 0;
    int slow_commits_per_mille = 0;
    Time slowest_commit{0};
  };
  /// Who watches what is answered to whom.
  struct Witnesses {
    Ledger& ledger;
    GenerationOwners& generations;
    ToldOwners& told;
  };

  Coordinator(World& world, const Topics& topics, const broker::config::GroupSettings& settings, Witnesses witnesses);

  Faults faults;

  // Requests, as they arrive. Answers may never come: whoever dies answers nobody.
  void join(const protocol::JoinGroupRequest& request, std::int16_t version,
            const Answer<protocol::JoinGroupResponse>& answer);
  void sync(const protocol::SyncGroupRequest& request, const Answer<protocol::SyncGroupResponse>& answer);
  void heartbeat(const protocol::HeartbeatRequest& request, const Answer<protocol::HeartbeatResponse>& answer);
  void leave(const protocol::LeaveGroupRequest& request, const Answer<protocol::LeaveGroupResponse>& answer);
  void consumer_heartbeat(const protocol::ConsumerGroupHeartbeatRequest& request,
                          const Answer<protocol::ConsumerGroupHeartbeatResponse>& answer);
  void commit(const protocol::OffsetCommitRequest& request, const Answer<protocol::OffsetCommitResponse>& answer);
  void fetch(const broker::group::GroupShard::FetchOfGroup& request,
             const Answer<broker::group::GroupShard::FetchedOfGroup>& answer);

  /// Dies, with whatever part of its appends made it into the log; another one is there after `downtime`.
  void crash(Time downtime);
  void on_topic_deleted(int topic);
  void forget_expired();

  /// What is live is what the log says: looked at whenever the log has grown, and now and then in between. To be called
  /// at any time.
  void check();
  bool is_up() const noexcept { return shard_ != nullptr; }
  /// Pre: is_up().
  const broker::group::GroupShard& shard() const { return *shard_; }
  /// What the log says.
  const broker::group::GroupShard& stored() const { return *stored_; }
  std::size_t log_size() const noexcept { return log_.size(); }

 private:
  using Done = std::function<void(protocol::ErrorCode)>;
  struct Append {
    std::string group;
    std::vector<broker::group::GroupRecord> records;
    Done done;
    bool fails = false;  ///< will not get into the log
    std::vector<Done> waiting{};
  };
  struct WaitingJoin {
    std::string member_id;
    Answer<protocol::JoinGroupResponse> answer;
  };

  template <class Response>
  bool refuses(const Answer<Response>& answer, Response response = {});
  broker::group::Now time() const;
  Uuid fresh_id();
  void perform(broker::group::Effects effects);
  void answer_waiting(broker::group::Effects effects);
  void write(broker::group::GroupWrite write);
  void append(const std::string& group, std::vector<broker::group::GroupRecord> records, Done done);
  void after_appends(Done done);
  void finish_first_append();
  void log(const broker::group::GroupRecord& record);
  void start_over(Append failed);
  void refuse_waiting(protocol::ErrorCode error);
  void load();
  std::vector<const broker::group::GroupRecord*> compacted_log();
  void check_visible(TopicPartition partition) const;
  void wait_for_deadline();

  World& world_;
  const Topics& topics_;
  const broker::config::GroupSettings& settings_;
  const Witnesses witnesses_;
  std::unique_ptr<broker::group::GroupShard> shard_;  // null: dead, or not loaded yet
  std::unique_ptr<broker::group::GroupShard> stored_;
  std::uint64_t life_ = 0;  // counts the shards
  Time steady_base_{0};     // every machine has a clock of its own
  std::vector<broker::group::GroupRecord> log_;
  std::size_t checked_log_size_ = 0;
  std::uint64_t checks_ = 0;
  std::deque<Append> appends_;
  Time last_commit_{0};  // when the last of them will be done
  std::uint64_t next_ticket_ = 1;
  std::map<broker::group::Ticket, WaitingJoin> joins_;
  std::map<broker::group::Ticket, Answer<protocol::SyncGroupResponse>> syncs_;
  std::optional<Time> timer_;
};

/// A shard made of `log` alone, loaded to the end, as of `now`.
std::unique_ptr<broker::group::GroupShard> load_shard(const std::vector<const broker::group::GroupRecord*>& log,
                                                      const broker::config::GroupSettings& settings,
                                                      broker::group::Now now);
/// What differs in the durable state of group `kGroup`; empty when nothing does.
std::string difference(const broker::group::GroupShard& left, const broker::group::GroupShard& right,
                       const broker::controller::MetadataImage& image);

}  // namespace sluice::test::sim
