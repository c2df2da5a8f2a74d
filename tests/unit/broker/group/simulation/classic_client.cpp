#include "tests/unit/broker/group/simulation/classic_client.hpp"

#include <utility>

#include "tests/unit/broker/group/simulation/classic_assignor.hpp"
#include "tests/unit/broker/group/simulation/consumer_protocol.hpp"

namespace sluice::test::sim {

using protocol::ErrorCode;

namespace {

constexpr Time kRequestTimeout{3000};
constexpr Time kGracePeriod{2000};  // on top of the rebalance timeout, before a JoinGroup is given up
constexpr Time kBackoff{100};

std::string_view protocol_name(Handover handover) {
  return handover == Handover::eager ? "range" : "cooperative-sticky";
}

}  // namespace

std::string ClassicClient::describe() const {
  return fmt::format("{} ({}): state {} generation {} owns {}", name(), member_id_, static_cast<int>(state_),
                     generation_id_, to_string(owned()));
}

void ClassicClient::on_start() {
  wants_to_join_ = true;
  later(options_.heartbeat_interval, [this] { beat(); });
}

void ClassicClient::on_kill() {
  state_ = State::unjoined;
  generation_id_ = -1;
  is_leader_ = wants_to_join_ = preparing_ = beating_ = false;
  known_.clear();
}

void ClassicClient::on_close() {
  const bool leaves = !member_id_.empty() && !instance_id();  // static members come back
  if (leaves) {
    protocol::LeaveGroupRequest request;
    request.group_id = kGroup;
    auto& leaving = request.members.emplace_back();
    leaving.member_id = member_id_;
    call<protocol::LeaveGroupResponse>(
        kRequestTimeout, [this, request](const auto& answer) { around_.coordinator.leave(request, answer); },
        [](const auto*) {});
  }
  ended();
}

std::optional<std::int32_t> ClassicClient::epoch_to_commit() const {
  return state_ == State::stable ? std::optional{generation_id_} : std::nullopt;
}

void ClassicClient::on_poll() {
  if (state_ == State::stable && is_leader_ && known_ != around_.topics.partitions_of(around_.topics.existing())) {
    wants_to_join_ = true;
  }
  if (wants_to_join_ && (state_ == State::stable || state_ == State::unjoined)) prepare_join();
}

void ClassicClient::prepare_join() {
  if (std::exchange(preparing_, true)) return;
  const auto go_on = [this] {
    preparing_ = false;
    if (state_ == State::joining || state_ == State::syncing) return;
    if (handover_ == Handover::eager || generation_id_ < 0) {
      own({});
    } else {
      auto kept = owned();
      std::erase_if(kept, [&](const auto& partition) { return !wanted().contains(partition); });
      own(std::move(kept));
    }
    wants_to_join_ = false;
    join();
  };
  commit_and_wait(go_on);
}

std::vector<std::byte> ClassicClient::subscription() const {
  protocol::ConsumerProtocolSubscription subscription;
  for (const int topic : options_.topics) subscription.topics.push_back(name_of(topic));
  if (handover_ == Handover::cooperative) {
    subscription.owned_partitions = items_of<decltype(subscription.owned_partitions)>(owned());
    subscription.generation_id = generation_id_;
  }
  return encode_subscription(subscription);
}

void ClassicClient::join() {
  state_ = State::joining;
  protocol::JoinGroupRequest request;
  request.group_id = kGroup;
  request.member_id = member_id_;
  request.group_instance_id = instance_id();
  request.session_timeout_ms = options_.session_timeout_ms;
  request.rebalance_timeout_ms = options_.rebalance_timeout_ms;
  request.protocol_type = "consumer";
  auto& protocol = request.protocols.emplace_back();
  protocol.name = protocol_name(handover_);
  protocol.metadata = subscription();
  call<protocol::JoinGroupResponse>(
      Time{options_.rebalance_timeout_ms} + kGracePeriod,
      [this, request = std::move(request)](const auto& answer) {
        around_.coordinator.join(request, join_version_, answer);
      },
      [this](const auto* response) { on_joined(response); });
}

void ClassicClient::join_later(Time delay) {
  later(delay, [this] {
    if (state_ == State::joining) join();
  });
}

void ClassicClient::on_joined(const protocol::JoinGroupResponse* response) {
  if (response == nullptr) return join();
  switch (response->error_code) {
    case ErrorCode::none: break;
    case ErrorCode::member_id_required: member_id_ = response->member_id; return join();
    case ErrorCode::rebalance_in_progress:
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::not_coordinator: return join_later(kBackoff);
    default: return lose(response->error_code);
  }
  member_id_ = response->member_id;
  generation_id_ = response->generation_id;
  is_leader_ = response->leader == member_id_;
  if (is_leader_) known_ = around_.topics.partitions_of(around_.topics.existing());
  note("is {} in generation {}{}", member_id_, generation_id_, is_leader_ ? ", leads" : "");
  sync(*response);
}

void ClassicClient::sync(const protocol::JoinGroupResponse& joined) {
  state_ = State::syncing;
  protocol::SyncGroupRequest request;
  request.group_id = kGroup;
  request.member_id = member_id_;
  request.group_instance_id = instance_id();
  request.generation_id = generation_id_;
  request.protocol_type = joined.protocol_type;
  request.protocol_name = joined.protocol_name;
  if (is_leader_ && !joined.skip_assignment) {
    for (const auto& [member, partitions] : assign(joined, handover_, around_.topics)) {
      request.assignments.push_back({.member_id = member, .assignment = encode_assignment(partitions)});
    }
  }
  call<protocol::SyncGroupResponse>(
      Time{options_.rebalance_timeout_ms} + kGracePeriod,
      [this, request = std::move(request)](const auto& answer) { around_.coordinator.sync(request, answer); },
      [this](const auto* response) { on_synced(response); });
}

void ClassicClient::on_synced(const protocol::SyncGroupResponse* response) {
  const auto error = response == nullptr ? ErrorCode::not_coordinator : response->error_code;
  switch (error) {
    case ErrorCode::none: return take(partitions_of(response->assignment));
    case ErrorCode::rebalance_in_progress:
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::not_coordinator: state_ = State::joining; return join_later(kBackoff);
    default: return lose(error);
  }
}

void ClassicClient::take(const TopicPartitionSet& assigned) {
  state_ = State::stable;
  owned_generation_id_ = generation_id_;
  if (handover_ == Handover::cooperative && !minus(owned(), assigned).empty()) wants_to_join_ = true;
  own(assigned);
}

void ClassicClient::beat() {
  later(options_.heartbeat_interval, [this] { beat(); });
  if ((state_ != State::stable && state_ != State::syncing) || std::exchange(beating_, true)) return;
  protocol::HeartbeatRequest request;
  request.group_id = kGroup;
  request.member_id = member_id_;
  request.group_instance_id = instance_id();
  request.generation_id = generation_id_;
  call<protocol::HeartbeatResponse>(
      kRequestTimeout, [this, request](const auto& answer) { around_.coordinator.heartbeat(request, answer); },
      [this, generation = generation_id_](const auto* response) {
        beating_ = false;
        if (generation == generation_id_) on_beaten(response);
      });
}

void ClassicClient::on_beaten(const protocol::HeartbeatResponse* response) {
  if (response == nullptr || (state_ != State::stable && state_ != State::syncing)) return;
  switch (response->error_code) {
    case ErrorCode::none:
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::not_coordinator: return;
    case ErrorCode::rebalance_in_progress: wants_to_join_ = true; return;
    default: return lose(response->error_code);
  }
}

void ClassicClient::lose(ErrorCode error) {
  note("is out: {}", static_cast<int>(error));
  if (error == ErrorCode::fenced_instance_id || error == ErrorCode::group_max_size_reached) return ended();
  own({});
  generation_id_ = -1;
  is_leader_ = false;
  if (error != ErrorCode::illegal_generation) member_id_.clear();
  state_ = State::unjoined;
  wants_to_join_ = true;
}

}  // namespace sluice::test::sim
