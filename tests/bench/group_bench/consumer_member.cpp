// Members of the consumer protocol (KIP-848): they give up and take over partitions as soon as they are told to.

#include <algorithm>

#include "protocol/error_code.hpp"
#include "protocol/messages/consumer_group_heartbeat.hpp"
#include "tests/bench/group_bench/member.hpp"

namespace sluice::bench {
namespace {

using protocol::ErrorCode;

constexpr std::chrono::milliseconds kRetry{50};
constexpr std::int32_t kRebalanceTimeoutMs = 60'000;

class ConsumerMember final : public Member {
 public:
  ConsumerMember(RequestLoop& loop, GroupProgress& group, const Options& options) : Member(loop, group, options) {
    id_ = Uuid::random().to_string();
  }

  void join() override {
    member_epoch_ = 0;
    own({});
    heartbeat(true);
  }
  void leave() override;
  std::int32_t epoch() const noexcept override { return member_epoch_; }

 private:
  using Partitions = std::vector<PartitionId>;

  void heartbeat(bool owned_changed);
  void on_heartbeat(const protocol::ConsumerGroupHeartbeatResponse& response);
  void own(Partitions partitions);
  bool is_ready() const noexcept;
  void look_again();

  std::int32_t member_epoch_ = 0;
  Partitions owned_;
  bool told_ = false;  // the coordinator knows what is owned
  bool is_ready_ = false;
};

/// It has its even share, and the coordinator knows that. A group where all have theirs has come to rest.
bool ConsumerMember::is_ready() const noexcept {
  if (has_left_ || !told_ || group_.size == 0) return false;
  const auto partitions = static_cast<std::size_t>(group_.topic->partitions);
  const auto least = partitions / group_.size;
  const auto most = (partitions + group_.size - 1) / group_.size;
  return member_epoch_ > 0 && owned_.size() >= least && owned_.size() <= most;
}

void ConsumerMember::look_again() {
  const bool ready = is_ready();
  if (ready != is_ready_) group_.ready += ready ? 1 : -1;
  is_ready_ = ready;
}

void ConsumerMember::own(Partitions partitions) {
  owned_ = std::move(partitions);
  told_ = false;
  look_again();
}

void ConsumerMember::heartbeat(bool owned_changed) {
  if (has_left_) return;
  plan_nothing();
  protocol::ConsumerGroupHeartbeatRequest request;
  request.group_id = group_.id;
  request.member_id = id_;
  request.member_epoch = member_epoch_;
  if (member_epoch_ == 0) {
    request.rebalance_timeout_ms = kRebalanceTimeoutMs;
    request.subscribed_topic_names = {group_.topic->name};
  }
  if (owned_changed) {
    auto& owned = request.topic_partitions.emplace();
    if (!owned_.empty()) owned.push_back({.topic_id = group_.topic->id, .partitions = owned_});
    group_.last_request_at = Clock::now();
  }
  ++group_.heartbeats;
  loop_.call<protocol::ConsumerGroupHeartbeat>(connection_, request, [this, owned_changed](const auto& response) {
    if (has_left_) return;
    if (response.error_code == ErrorCode::none && owned_changed) told_ = true;
    on_heartbeat(response);
  });
}

void ConsumerMember::on_heartbeat(const protocol::ConsumerGroupHeartbeatResponse& response) {
  switch (response.error_code) {
    case ErrorCode::none: break;
    case ErrorCode::unknown_member_id:
    case ErrorCode::fenced_member_epoch: return join();
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::not_coordinator: return plan(kRetry, [this] { heartbeat(true); });
    default: fail("a heartbeat is refused: " + response.error_message.value_or("without a reason"));
  }
  member_epoch_ = response.member_epoch;
  if (response.assignment) {
    Partitions assigned;
    for (const auto& topic : response.assignment->topic_partitions) {
      assigned.insert(assigned.end(), topic.partitions.begin(), topic.partitions.end());
    }
    std::sort(assigned.begin(), assigned.end());
    if (assigned != owned_) {
      own(std::move(assigned));
      return heartbeat(true);
    }
  }
  look_again();
  plan(std::chrono::milliseconds{response.heartbeat_interval_ms}, [this] { heartbeat(false); });
}

void ConsumerMember::leave() {
  plan_nothing();
  has_left_ = true;
  look_again();
  protocol::ConsumerGroupHeartbeatRequest request;
  request.group_id = group_.id;
  request.member_id = id_;
  request.member_epoch = -1;
  loop_.call<protocol::ConsumerGroupHeartbeat>(connection_, request, [](const auto&) {});
}

}  // namespace

std::unique_ptr<Member> make_consumer_member(RequestLoop& loop, GroupProgress& group, const Options& options) {
  return std::make_unique<ConsumerMember>(loop, group, options);
}

}  // namespace sluice::bench
