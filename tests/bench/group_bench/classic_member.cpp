// Members of the classic protocol, as consumers with Kafka's range assignor are.

#include <algorithm>

#include "protocol/error_code.hpp"
#include "protocol/messages/consumer_protocol_assignment.hpp"
#include "protocol/messages/consumer_protocol_subscription.hpp"
#include "protocol/messages/heartbeat.hpp"
#include "protocol/messages/join_group.hpp"
#include "protocol/messages/leave_group.hpp"
#include "protocol/messages/metadata.hpp"
#include "protocol/messages/sync_group.hpp"
#include "tests/bench/group_bench/member.hpp"

namespace sluice::bench {
namespace {

using protocol::ErrorCode;

constexpr std::chrono::milliseconds kRetry{50};
constexpr std::int32_t kSessionTimeoutMs = 45'000;
constexpr std::int32_t kRebalanceTimeoutMs = 60'000;

template <class Message>
std::vector<std::byte> with_version(const Message& message) {
  wire::Writer writer;
  writer.int16(1);
  encode(message, 1, writer);
  return writer.take();
}

class ClassicMember final : public Member {
 public:
  using Member::Member;

  void join() override;
  void leave() override;
  std::int32_t epoch() const noexcept override { return generation_id_; }

 private:
  void on_joined(const protocol::JoinGroupResponse& response);
  void sync(const protocol::JoinGroupResponse& joined);
  void on_synced(const protocol::SyncGroupResponse& response);
  void heartbeat();
  void rejoin();
  void set_ready(bool ready);

  std::int32_t generation_id_ = -1;
  bool is_ready_ = false;
};

void ClassicMember::set_ready(bool ready) {
  if (ready != is_ready_) group_.ready += ready ? 1 : -1;
  is_ready_ = ready;
}

void ClassicMember::join() {
  if (has_left_) return;
  plan_nothing();
  set_ready(false);
  protocol::JoinGroupRequest request;
  request.group_id = group_.id;
  request.session_timeout_ms = kSessionTimeoutMs;
  request.rebalance_timeout_ms = kRebalanceTimeoutMs;
  request.member_id = id_;
  request.protocol_type = "consumer";
  auto& protocol = request.protocols.emplace_back();
  protocol.name = "range";
  protocol::ConsumerProtocolSubscription subscription;
  subscription.topics = {group_.topic->name};
  protocol.metadata = with_version(subscription);
  group_.last_request_at = Clock::now();
  loop_.call<protocol::JoinGroup>(connection_, request, [this](const auto& response) { on_joined(response); });
}

void ClassicMember::on_joined(const protocol::JoinGroupResponse& response) {
  if (has_left_) return;
  switch (response.error_code) {
    case ErrorCode::none:
      generation_id_ = response.generation_id;
      id_ = response.member_id;
      return sync(response);
    case ErrorCode::member_id_required: id_ = response.member_id; return join();
    case ErrorCode::unknown_member_id: id_.clear(); break;
    default: break;
  }
  plan(kRetry, [this] { join(); });
}

void ClassicMember::sync(const protocol::JoinGroupResponse& joined) {
  protocol::SyncGroupRequest request;
  request.group_id = group_.id;
  request.generation_id = generation_id_;
  request.member_id = id_;
  request.protocol_type = "consumer";
  request.protocol_name = joined.protocol_name;
  std::vector<std::string> ids;  // none but for the leader
  for (const auto& member : joined.members) ids.push_back(member.member_id);
  std::sort(ids.begin(), ids.end());
  const auto partitions = static_cast<std::size_t>(group_.topic->partitions);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    protocol::ConsumerProtocolAssignment assignment;
    auto& topic = assignment.assigned_partitions.emplace_back();
    topic.topic = group_.topic->name;
    for (auto p = i * partitions / ids.size(); p < (i + 1) * partitions / ids.size(); ++p) {
      topic.partitions.emplace_back(static_cast<std::int32_t>(p));
    }
    auto& to = request.assignments.emplace_back();
    to.member_id = ids[i];
    to.assignment = with_version(assignment);
  }
  loop_.call<protocol::SyncGroup>(connection_, request, [this](const auto& response) { on_synced(response); });
}

void ClassicMember::on_synced(const protocol::SyncGroupResponse& response) {
  if (has_left_) return;
  if (response.error_code == ErrorCode::rebalance_in_progress) return join();
  if (response.error_code != ErrorCode::none) return rejoin();
  set_ready(true);
  plan(std::chrono::milliseconds{options_.heartbeat_ms}, [this] { heartbeat(); });
}

void ClassicMember::heartbeat() {
  protocol::HeartbeatRequest request;
  request.group_id = group_.id;
  request.generation_id = generation_id_;
  request.member_id = id_;
  ++group_.heartbeats;
  loop_.call<protocol::Heartbeat>(connection_, request, [this](const auto& response) {
    if (has_left_) return;
    if (response.error_code == ErrorCode::rebalance_in_progress) return join();
    if (response.error_code != ErrorCode::none) return rejoin();
    plan(std::chrono::milliseconds{options_.heartbeat_ms}, [this] { heartbeat(); });
  });
}

void ClassicMember::rejoin() {
  set_ready(false);
  plan(kRetry, [this] { join(); });
}

void ClassicMember::leave() {
  plan_nothing();
  set_ready(false);
  has_left_ = true;
  protocol::LeaveGroupRequest request;
  request.group_id = group_.id;
  request.members.emplace_back().member_id = id_;
  loop_.call<protocol::LeaveGroup>(connection_, request, [](const auto&) {});
}

}  // namespace

Member::Member(RequestLoop& loop, GroupProgress& group, const Options& options)
    : loop_(loop), connection_(loop.connect()), group_(group), options_(options) {
  // What a connection costs from its first request on is not to be taken for the group's.
  loop_.call<protocol::Metadata>(connection_, {}, [](const auto&) {});
}

std::unique_ptr<Member> make_classic_member(RequestLoop& loop, GroupProgress& group, const Options& options) {
  return std::make_unique<ClassicMember>(loop, group, options);
}

std::unique_ptr<Member> make_member(RequestLoop& loop, GroupProgress& group, const Options& options) {
  return options.consumer_protocol ? make_consumer_member(loop, group, options)
                                   : make_classic_member(loop, group, options);
}

}  // namespace sluice::bench
