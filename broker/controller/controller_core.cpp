#include "broker/controller/controller_core.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "broker/controller/command_size.hpp"
#include "protocol/base/assert.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;

constexpr std::size_t kUnaskedMax = 10'000;   // partitions that one tick changes
constexpr std::size_t kChangesKept = 10'000;  // commands after which the state's list of what changed is emptied
constexpr std::chrono::milliseconds kMovesInterval{500};

const std::string kNotController = "This is not the active controller.";

template <class Request>
constexpr bool kNeedsCircumstances =
    std::is_same_v<Request, RegisterBrokerRequest> || std::is_same_v<Request, JoinRequest>;

template <class Request>
constexpr bool kIsOfQuorum =
    std::is_same_v<Request, protocol::DescribeQuorumRequest> ||
    std::is_same_v<Request, protocol::AddRaftVoterRequest> || std::is_same_v<Request, protocol::RemoveRaftVoterRequest>;

}  // namespace

ControllerCore::ControllerCore(Options options, Propose propose)
    : options_(std::move(options)), propose_(std::move(propose)), sessions_(options_.session_timeout) {}

void ControllerCore::lead(const ClusterState& committed, raft::Now now) {
  resign();
  state_ = committed;
  state_->take_change();
  last_proposed_ = committed.image().version();
  committed_ = last_proposed_;
  commands_since_change_ = 0;
  balance_due_ = now.steady + options_.leader_check_interval;
  moves_due_ = now.steady;
  moves_checked_ = kNoOffset;
  sessions_.clear();
  for (const auto& broker : state_->image().brokers()) {
    if (!broker.fenced) sessions_.touch(broker.id, now.steady);
  }
  if (state_->image().cluster_id().empty()) commit(state_->found_cluster(options_.new_cluster_id));
  if (is_active()) commit(state_->settle_defaults());
  if (is_active()) commit(state_->repair(std::numeric_limits<std::size_t>::max()));
}

void ControllerCore::resign() {
  state_.reset();
  sessions_.clear();
  // What is called may ask again at once.
  for (auto& pending : std::exchange(pending_, {})) pending.finish(false);
}

void ControllerCore::submit(ControllerRequest request, Answer<ControllerResponse> answer, raft::Now now) {
  const auto asked = std::make_shared<const ControllerRequest>(std::move(request));
  const auto refuse_with = [asked, answer](ErrorCode error, const std::string& message) {
    answer(refuse(*asked, error, message));
  };
  if (!is_active()) return refuse_with(ErrorCode::not_controller, kNotController);
  std::visit(
      [&](const auto& body) {
        using Request = std::decay_t<decltype(body)>;
        if constexpr (kIsOfQuorum<Request>) {
          refuse_with(ErrorCode::invalid_request, "The quorum decides on this, not the controller.");
        } else {
          auto response = std::make_shared<ControllerResponse>();
          const auto finish = [response, answer, refuse_with](bool committed) {
            if (!committed) return refuse_with(ErrorCode::not_controller, kNotController);
            answer(std::move(*response));
          };
          if (!decide(body, *response, now)) return finish(false);
          answer_when_committed(finish);
        }
      },
      asked->body);
}

template <class Request>
bool ControllerCore::decide(const Request& request, ControllerResponse& response, raft::Now now) {
  auto decision = [&] {
    if constexpr (kNeedsCircumstances<Request>) {
      return state_->handle(request, circumstances(now));
    } else {
      return state_->handle(request);
    }
  }();
  hear(request, decision.response, now);
  if (!decision.records.empty()) {
    if (!commit(decision.records)) return false;
    response.version = last_proposed_;
  }
  if constexpr (std::is_same_v<Request, AlterPartitionRequest>) {
    // What holds may rest on settings that the leader does not know yet, though this request changed nothing: an ISR
    // that it knows before the min.insync.replicas that came first would have it acknowledge without who is eligible.
    response.version = last_proposed_;
  }
  if constexpr (std::is_same_v<Request, RegisterBrokerRequest>) {
    // Its epoch is the index of the command, known from here on.
    if (decision.response.error_code == ErrorCode::none) {
      decision.response.epoch = state_->image().find_broker(request.broker.id)->epoch;
    }
  }
  response.body = std::move(decision.response);
  return true;
}

void ControllerCore::answer_when_committed(std::function<void(bool)> finish) {
  if (last_proposed_ <= committed_) return finish(true);
  pending_.push_back({last_proposed_, std::move(finish)});
}

template <class Request, class Response>
void ControllerCore::hear(const Request& request, const Response& response, raft::Now now) {
  if constexpr (std::is_same_v<Request, HeartbeatRequest>) {
    if (response.error_code != ErrorCode::none) return;
    if (response.may_shut_down && state_->image().find_broker(request.id)->fenced) {
      sessions_.end(request.id);
    } else {
      sessions_.touch(request.id, now.steady);
    }
  } else if constexpr (std::is_same_v<Request, RegisterBrokerRequest>) {
    if (response.error_code == ErrorCode::none) sessions_.touch(request.broker.id, now.steady);
  }
}

bool ControllerCore::commit(std::span<const MetadataRecord> records) {
  for (const auto command : split_into_commands(records)) {
    const auto index = propose_(encode(command));
    if (!index) {
      // Leads no more. The state is ahead of what will ever be committed: nothing may be decided on it.
      resign();
      return false;
    }
    if (!is_active()) return false;  // resigned meanwhile
    SLUICE_ASSERT(*index > last_proposed_, *index, last_proposed_);
    state_->replay(command, *index);
    last_proposed_ = *index;
    ++commands_since_change_;
  }
  if (commands_since_change_ > kChangesKept) {
    state_->take_change();
    commands_since_change_ = 0;
  }
  return true;
}

void ControllerCore::on_committed(Offset index, raft::Now) {
  committed_ = std::max(committed_, index);
  while (!pending_.empty() && pending_.front().index <= committed_) {
    auto finish = std::move(pending_.front().finish);
    pending_.pop_front();
    finish(true);
  }
}

void ControllerCore::on_broker_gone(BrokerId broker, raft::Now) {
  if (!is_active()) return;
  sessions_.end(broker);
  commit(state_->fence(broker));
}

void ControllerCore::tick(raft::Now now) {
  if (!is_active()) return;
  for (const auto broker : sessions_.expired(now.steady)) {
    sessions_.end(broker);
    commit(state_->fence(broker));
    if (!is_active()) return;
  }
  if (may_move() && now.steady >= moves_due_) {
    moves_due_ = now.steady + kMovesInterval;
    moves_checked_ = last_proposed_;
    commit(state_->finish_moves(kUnaskedMax));
    if (is_active()) commit(state_->grow_internal_topics(kUnaskedMax));
  }
  if (is_active() && now.steady >= balance_due_) {
    balance_due_ = now.steady + options_.leader_check_interval;
    commit(state_->repair(kUnaskedMax));
    if (is_active() && options_.balances_leaders) {
      commit(state_->balance_leaders(options_.imbalance_percent, kUnaskedMax));
    }
  }
}

raft::Instant ControllerCore::next_deadline() const {
  if (!is_active()) return raft::Instant::max();
  auto next = std::min(sessions_.next_end().value_or(raft::Instant::max()), balance_due_);
  if (may_move()) next = std::min(next, moves_due_);
  return next;
}

Circumstances ControllerCore::circumstances(raft::Now now) const {
  return {.now = now.wall,
          .has_session = [this, now](BrokerId id) { return sessions_.has(id, now.steady); },
          .is_in_quorum = options_.is_in_quorum};
}

}  // namespace sluice::broker::controller
