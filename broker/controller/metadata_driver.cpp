#include "broker/controller/metadata_driver.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

#include "broker/controller/unclean_elections.hpp"
#include "protocol/base/assert.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;

/// Sees to it that a request is answered, even if the task that holds it is dropped.
class Undecided {
 public:
  Undecided(ControllerRequest request, Answer<ControllerResponse> answer)
      : request_(std::move(request)), answer_(std::move(answer)) {}
  Undecided(const Undecided&) = delete;
  Undecided& operator=(const Undecided&) = delete;
  ~Undecided() {
    if (answer_) answer_(refuse(request_, ErrorCode::not_controller, "This node is stopping."));
  }

  ControllerRequest take_request() { return std::move(request_); }
  Answer<ControllerResponse> take_answer() { return std::exchange(answer_, nullptr); }

 private:
  ControllerRequest request_;
  Answer<ControllerResponse> answer_;
};

bool is_for_quorum(const ControllerRequest& request) {
  return std::holds_alternative<protocol::DescribeQuorumRequest>(request.body) ||
         std::holds_alternative<protocol::AddRaftVoterRequest>(request.body) ||
         std::holds_alternative<protocol::RemoveRaftVoterRequest>(request.body);
}

}  // namespace

MetadataDriver::MetadataDriver(Options options, ImagePublisher& publisher, peer::AddressBook& addresses,
                               Listeners listeners)
    : options_(std::move(options)),
      publisher_(publisher),
      listeners_(std::move(listeners)),
      state_(options_.config, options_.make_uuid),
      core_(core_options(), [this](std::string command) { return propose(std::move(command)); }),
      quorum_requests_(options_.quorum, addresses) {}

ControllerCore::Options MetadataDriver::core_options() const {
  auto core = options_.core;
  core.is_in_quorum = [this](BrokerId id) {
    const auto voters = voters_.load(std::memory_order_acquire);
    return voters != nullptr && std::ranges::find(*voters, id, &raft::ReplicaKey::node) != voters->end();
  };
  return core;
}

void MetadataDriver::attach(raft::RaftDriver& driver) {
  driver_ = &driver;
  driver.post([this](raft::Raft& raft, raft::Now now) {
    raft_ = &raft;
    note_voters(raft.log().configuration());
    now_ = now;
    lead_if_due();
  });
}

std::optional<Offset> MetadataDriver::propose(std::string command) {
  if (raft_ == nullptr) return std::nullopt;
  std::vector<std::string> commands;
  commands.push_back(std::move(command));
  const auto proposed = raft_->propose(std::move(commands), now_);
  if (proposed.refusal != raft::Refusal::none) return std::nullopt;
  proposed_ = proposed.last_index;
  // The driver looks at the core after each of its own steps; this one may come from within another.
  driver_->post([](raft::Raft&, raft::Now) {});
  return Offset{proposed.last_index.value()};
}

void MetadataDriver::submit(ControllerRequest request, Answer<ControllerResponse> answer) {
  auto undecided = std::make_shared<Undecided>(std::move(request), std::move(answer));
  driver_->post([this, undecided = std::move(undecided)](raft::Raft& raft, raft::Now now) {
    now_ = now;
    decide(undecided->take_request(), undecided->take_answer(), raft, now);
  });
}

void MetadataDriver::decide(ControllerRequest request, Answer<ControllerResponse> answer, raft::Raft& raft,
                            raft::Now now) {
  if (const auto* heartbeat = std::get_if<HeartbeatRequest>(&request.body)) gone_.erase(heartbeat->id);
  if (!is_for_quorum(request)) return core_.submit(std::move(request), std::move(answer), now);
  if (!core_.is_active()) {
    return answer(refuse(request, ErrorCode::not_controller, "This node does not lead the quorum."));
  }
  if (const auto* describe = std::get_if<protocol::DescribeQuorumRequest>(&request.body)) {
    return quorum_requests_.describe(*describe, raft, now, answer);
  }
  quorum_requests_.change(std::move(request), state_.image().cluster_id(), raft, now, std::move(answer));
}

void MetadataDriver::on_broker_gone(BrokerId broker) {
  driver_->post([this, broker](raft::Raft&, raft::Now now) {
    now_ = now;
    const auto* known = state_.image().find_broker(broker);
    if (known == nullptr) return;
    // Kept for when this node leads: the leader may be the one that is gone, and nobody else was told.
    gone_[broker] = {known->epoch, now.steady};
    if (core_.is_active()) end_session_of_gone(broker);
  });
}

/// Unless it has registered again since then.
void MetadataDriver::end_session_of_gone(BrokerId broker) {
  const auto* known = state_.image().find_broker(broker);
  if (known != nullptr && known->epoch == gone_.at(broker).epoch) core_.on_broker_gone(broker, now_);
}

void MetadataDriver::apply(std::vector<raft::Entry> entries) {
  if (entries.empty() || is_broken_) return;
  for (const auto& entry : entries) {
    applied_term_ = entry.term;
    applied_ = entry.index;
    if (entry.type == raft::EntryType::configuration) note_voters(entry.configuration);
    if (entry.type != raft::EntryType::command) continue;
    const auto records = decode(as_byte_view(entry.data));
    if (!records) {
      spdlog::critical("metadata command not understood; was it written by a newer version? index={}",
                       entry.index.value());
      is_broken_ = true;
      return listeners_.on_fatal();
    }
    state_.replay(*records, Offset{entry.index.value()});
  }
  publish();
  if (core_.is_active()) core_.on_committed(Offset{entries.back().index.value()}, now_);
  quorum_requests_.on_applied(entries.back().index);
  lead_if_due();
}

void MetadataDriver::publish() {
  auto change = state_.take_change();
  if (core_.is_active()) {
    for (const auto& election : unclean_elections(change.delta)) {
      spdlog::warn("unclean leader, acknowledged records may be lost partition={}-{} leader={} leader_epoch={}",
                   election.topic, election.partition.value(), election.leader.value(), election.leader_epoch.value());
    }
  }
  if (change.after && change.before != change.after) publisher_.offer(std::move(change));
}

bool MetadataDriver::restore(const raft::SnapshotMeta& meta, std::string bytes) {
  const auto records = decode(as_byte_view(bytes));
  if (!records) return false;
  note_voters(meta.configuration);
  state_.reset(*records, Offset{meta.index.value()});
  publish();
  return true;
}

void MetadataDriver::note_voters(const raft::Configuration& configuration) {
  voters_.store(std::make_shared<const std::vector<raft::ReplicaKey>>(configuration.voters()),
                std::memory_order_release);
}

std::function<std::string()> MetadataDriver::save() {
  return [state = state_] { return encode(state.to_records()); };
}

void MetadataDriver::on_role_change(const raft::RoleChange& change, raft::Now now) {
  now_ = now;
  const bool leads = change.role == raft::Role::leader;
  if (leads_in_ && (!leads || change.term != *leads_in_)) {
    spdlog::info("quorum term={} this node does not lead any more", leads_in_->value());
    leads_in_.reset();
    is_active_.store(false, std::memory_order_relaxed);
    leader_.store(kNoBroker.value(), std::memory_order_release);
    core_.resign();
    quorum_requests_.on_lost_leadership();
  }
  if (leads && !leads_in_) {
    spdlog::info("quorum term={} this node leads", change.term.value());
    leads_in_ = change.term;
    proposed_ = raft::kNoIndex;  // of an earlier term: lost, or before the first entry of this one
    lead_if_due();
  }
  if (leads) return;
  leader_.store((change.leader ? change.leader->node : kNoBroker).value(), std::memory_order_release);
  listeners_.on_leader_change();
}

/// Everything of earlier terms is applied once the first entry of the own one is (thesis 6.4).
/// A core that gave up in the middle of a term (a proposal was refused) goes on when all is applied that it had
/// decided: what it decides next rests on that.
void MetadataDriver::lead_if_due() {
  if (!leads_in_ || core_.is_active() || raft_ == nullptr || applied_term_ != *leads_in_ || is_broken_) return;
  if (applied_ < proposed_) return;
  core_.lead(state_, now_);
  if (!core_.is_active()) return;
  is_active_.store(true, std::memory_order_relaxed);
  leader_.store(options_.quorum.self.value(), std::memory_order_release);
  // What was told longer ago than a session lasts has been dealt with by whoever led then.
  for (const auto& [broker, gone] : gone_) {
    if (now_.steady - gone.at <= options_.core.session_timeout) end_session_of_gone(broker);
  }
  gone_.clear();
  listeners_.on_leader_change();
}

void MetadataDriver::tick(raft::Now now) {
  now_ = now;
  if (!core_.is_active()) return;
  core_.tick(now);
  if (raft_ != nullptr) quorum_requests_.tick(*raft_, now);
}

raft::Instant MetadataDriver::next_deadline() const {
  if (!core_.is_active()) return raft::Instant::max();
  return std::min(core_.next_deadline(), quorum_requests_.next_deadline());
}

}  // namespace sluice::broker::controller
