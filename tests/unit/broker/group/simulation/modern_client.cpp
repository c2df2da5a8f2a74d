#include "tests/unit/broker/group/simulation/modern_client.hpp"

#include <re2/re2.h>
#include <utility>

#include "tests/unit/broker/group/simulation/consumer_protocol.hpp"

namespace sluice::test::sim {

using protocol::ErrorCode;

namespace {

constexpr Time kRequestTimeout{3000};
constexpr Time kBackoff{100};
constexpr std::int32_t kJoin = 0;
constexpr std::int32_t kLeave = -1;
constexpr std::int32_t kLeaveForAWhile = -2;

}  // namespace

std::string ModernClient::describe() const {
  return fmt::format("{} ({}): state {} epoch {} owns {} target {}", name(), member_id_, static_cast<int>(state_),
                     member_epoch_, to_string(owned()), to_string(target_));
}

TopicPartitionSet ModernClient::wanted() const {
  auto topics = options_.topics;
  for (const int topic : around_.topics.existing()) {
    if (wishes_.regex && RE2::FullMatch(name_of(topic), *wishes_.regex)) topics.push_back(topic);
  }
  return around_.topics.partitions_of(topics);
}

void ModernClient::on_start() {
  member_id_ = fmt::format("{}-{:x}", name(), random().next());
  beat();
}

void ModernClient::on_kill() {
  state_ = State::joining;
  member_epoch_ = kJoin;
  told_ = {};
  target_.clear();
  reconciling_ = beating_ = false;
  ++memberships_;
}

void ModernClient::on_close() {
  own({});
  Request request;
  request.group_id = kGroup;
  request.member_id = member_id_;
  request.instance_id = instance_id();
  request.member_epoch = instance_id() ? kLeaveForAWhile : kLeave;
  call<Response>(
      kRequestTimeout, [this, request](const auto& answer) { around_.coordinator.consumer_heartbeat(request, answer); },
      [](const auto*) {});
  ended();
}

std::optional<std::int32_t> ModernClient::epoch_to_commit() const {
  return member_epoch_ > 0 ? std::optional{member_epoch_} : std::nullopt;
}

void ModernClient::beat_after(Time delay) {
  later(delay, [this, beat = ++beats_] {
    if (beat == beats_) this->beat();
  });
}

void ModernClient::beat() {
  if (std::exchange(beating_, true)) return;
  const auto request = next_request();
  call<Response>(
      kRequestTimeout, [this, request](const auto& answer) { around_.coordinator.consumer_heartbeat(request, answer); },
      [this, membership = memberships_](const auto* response) {
        beating_ = false;
        if (membership != memberships_) return beat_after(kBackoff);
        on_beaten(response);
      });
}

ModernClient::Request ModernClient::next_request() {
  Request request;
  request.group_id = kGroup;
  request.member_id = member_id_;
  request.instance_id = instance_id();
  request.member_epoch = member_epoch_;
  if (state_ == State::joining) told_ = {};
  if (!std::exchange(told_.rest, true)) {
    request.rebalance_timeout_ms = options_.rebalance_timeout_ms;
    request.rack_id = wishes_.rack;
    request.server_assignor = wishes_.assignor;
  }
  std::vector<std::string> topics;
  for (const int topic : options_.topics) topics.push_back(name_of(topic));
  if (told_.topics != topics) told_.topics = request.subscribed_topic_names = topics;
  if (wishes_.regex && told_.regex != wishes_.regex) told_.regex = request.subscribed_topic_regex = wishes_.regex;
  if (told_.owned != owned()) {
    told_.owned = owned();
    request.topic_partitions = items_of<std::vector<Request::TopicPartitions>>(owned());
  }
  if (state_ == State::acknowledging) state_ = owned() == target_ ? State::stable : State::reconciling;
  return request;
}

void ModernClient::on_beaten(const Response* response) {
  if (response == nullptr) {
    told_ = {};
    return beat_after(kBackoff);
  }
  switch (response->error_code) {
    case ErrorCode::none: return accept(*response);
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::not_coordinator: told_ = {}; return beat_after(kBackoff);
    default: return lose(response->error_code);
  }
}

void ModernClient::accept(const Response& response) {
  beat_after(state_ == State::acknowledging ? Time{0} : options_.heartbeat_interval);
  if (response.member_epoch != member_epoch_) note("is in epoch {}", response.member_epoch);
  member_epoch_ = response.member_epoch;
  if (response.assignment) {
    target_ = set_of(response.assignment->topic_partitions);
    note("is to own {}", to_string(target_));
  }
  if (owned() != target_) {
    state_ = State::reconciling;
  } else if (state_ == State::joining || (state_ == State::reconciling && !reconciling_)) {
    state_ = State::stable;
  }
  reconcile();
}

/// Its user may take a while, and what it was told last is what counts.
void ModernClient::reconcile() {
  if (state_ != State::reconciling || std::exchange(reconciling_, true)) return;
  const Time delay{random().below(random().one_in(8) ? 2000 : 50)};
  later(delay, [this, membership = memberships_] {
    if (membership != memberships_) return;
    commit_and_wait([this, membership] {
      if (membership == memberships_) take_target();
    });
  });
}

void ModernClient::take_target() {
  reconciling_ = false;
  if (state_ != State::reconciling) return;
  own(target_);
  state_ = State::acknowledging;
  if (!beating_) beat();  // else once the answer is there
}

void ModernClient::lose(ErrorCode error) {
  note("is out: {}", static_cast<int>(error));
  if (error != ErrorCode::fenced_member_epoch && error != ErrorCode::unknown_member_id &&
      error != ErrorCode::group_id_not_found) {
    return ended();
  }
  ++memberships_;
  own({});
  target_.clear();
  member_epoch_ = kJoin;
  reconciling_ = false;
  state_ = State::joining;
  beat_after(kBackoff);
}

}  // namespace sluice::test::sim
