#include "broker/controller/quorum_requests_driver.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

#include "broker/controller/topic_name.hpp"
#include "broker/peer/address_book.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;
using raft::Refusal;
using namespace std::chrono_literals;

constexpr PartitionId kMetadataPartition{0};
constexpr raft::Duration kRetryInterval = 100ms;
constexpr raft::Duration kUnknownMax = 2s;  // for a new voter to show up as an observer
constexpr raft::Duration kSampleInterval = 500ms;
constexpr std::size_t kSamplesMax = 600;

Offset end_after(raft::LogIndex index) { return Offset{index.value() + 1}; }

Timestamp earlier(raft::Now now, raft::Instant then) {
  return now.wall - std::chrono::duration_cast<std::chrono::milliseconds>(now.steady - then).count();
}

template <class Response>
ControllerResponse with(Response response) {
  return {.body = std::move(response), .version = kNoOffset};
}

ControllerResponse accepted(bool adds) {
  if (adds) return with(protocol::AddRaftVoterResponse{});
  return with(protocol::RemoveRaftVoterResponse{});
}

ErrorCode error_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::none: return ErrorCode::none;
    case Refusal::not_leader: return ErrorCode::not_controller;
    case Refusal::already_voter: return ErrorCode::duplicate_voter;
    case Refusal::last_voter: return ErrorCode::invalid_request;
    case Refusal::unknown_replica: return ErrorCode::voter_not_found;
    case Refusal::no_commit_in_term:
    case Refusal::change_pending:
    case Refusal::not_caught_up:
    case Refusal::transfer_pending:
    case Refusal::too_much_uncommitted: return ErrorCode::request_timed_out;
  }
  return ErrorCode::unknown_server_error;
}

const char* reason_of(Refusal refusal, bool adds) {
  switch (refusal) {
    case Refusal::already_voter: return "That node is a voter already.";
    case Refusal::last_voter: return "The last voter can't be removed.";
    case Refusal::unknown_replica:
      return adds ? "That node and directory do not follow the metadata log." : "There is no such voter.";
    case Refusal::change_pending: return "Another change of the voters was not done in time.";
    case Refusal::not_caught_up: return "It did not catch up with the metadata log in time.";
    default: return "The voters could not be changed in time.";
  }
}

/// Whether the same request may succeed in a while.
bool is_worth_waiting(Refusal refusal) { return error_of(refusal) == ErrorCode::request_timed_out; }

}  // namespace

QuorumRequests::QuorumRequests(Options options, peer::AddressBook& addresses)
    : options_(std::move(options)), addresses_(addresses) {}

void QuorumRequests::describe(const protocol::DescribeQuorumRequest& request, const raft::Raft& raft, raft::Now now,
                              const Answer<ControllerResponse>& answer) const {
  protocol::DescribeQuorumResponse response;
  const auto& voters = raft.log().configuration();
  for (const auto& asked : request.topics) {
    auto& topic = response.topics.emplace_back();
    topic.topic_name = asked.topic_name;
    for (const auto& partition : asked.partitions) {
      auto& to = topic.partitions.emplace_back();
      to.partition_index = partition.partition_index;
      if (asked.topic_name != kMetadataTopic || partition.partition_index != kMetadataPartition) {
        to.error_code = ErrorCode::unknown_topic_or_partition;
        continue;
      }
      to.leader_id = options_.self;
      to.leader_epoch = LeaderEpoch{static_cast<std::int32_t>(raft.term().value())};
      to.high_watermark = end_after(raft.log().commit_index());
      for (const auto& voter : voters.voters()) to.current_voters.push_back(state_of(voter, raft, now));
      for (const auto& [replica, progress] : raft.progress()) {
        if (voters.find(replica.node) == nullptr) to.observers.push_back(state_of(replica, raft, now));
      }
    }
  }
  for (const auto& voter : voters.voters()) {
    const auto address = addresses_.quorum_address(voter.node);
    if (!address) continue;
    auto& node = response.nodes.emplace_back();
    node.node_id = voter.node;
    auto& listener = node.listeners.emplace_back();
    listener.name = options_.listener_name;
    listener.host = address->host;
    listener.port = address->port;
  }
  answer(with(std::move(response)));
}

QuorumRequests::ReplicaState QuorumRequests::state_of(const raft::ReplicaKey& replica, const raft::Raft& raft,
                                                      raft::Now now) const {
  ReplicaState state;
  state.replica_id = replica.node;
  state.replica_directory_id = replica.directory;
  if (replica.node == options_.self) {
    state.replica_directory_id = raft.self().directory;
    state.log_end_offset = end_after(raft.log().last_index());
    state.last_fetch_timestamp = now.wall;
    state.last_caught_up_timestamp = now.wall;
    return state;
  }
  state.log_end_offset = kNoOffset;
  for (const auto& [key, progress] : raft.progress()) {
    if (!replica.names(key) && !key.names(replica)) continue;
    if (key.is_pinned()) state.replica_directory_id = key.directory;
    state.log_end_offset = end_after(progress.match());
    if (progress.match() > raft::kNoIndex) state.last_fetch_timestamp = earlier(now, progress.heard_at());
    state.last_caught_up_timestamp =
        progress.match() == raft.log().last_index() ? state.last_fetch_timestamp : caught_up_at(progress.match());
  }
  return state;
}

Timestamp QuorumRequests::caught_up_at(raft::LogIndex match) const {
  Timestamp at{-1};
  for (const auto& sample : samples_) {
    if (sample.last > match) break;
    at = sample.wall;
  }
  return at;
}

void QuorumRequests::take_sample(const raft::Raft& raft, raft::Now now) {
  if (!samples_.empty() && now.steady < samples_.back().at + kSampleInterval) return;
  if (samples_.size() == kSamplesMax) samples_.pop_front();
  samples_.push_back({.at = now.steady, .wall = now.wall, .last = raft.log().last_index()});
}

void QuorumRequests::change(ControllerRequest request, const std::string& cluster_id, raft::Raft& raft, raft::Now now,
                            Answer<ControllerResponse> answer) {
  Change change;
  std::optional<std::string> wanted_cluster;
  auto timeout = options_.change_timeout;
  if (const auto* add = std::get_if<protocol::AddRaftVoterRequest>(&request.body)) {
    wanted_cluster = add->cluster_id;
    change.voter = {.node = add->voter_id, .directory = add->voter_directory_id};
    change.adds = true;
    change.acknowledged_early = !add->ack_when_committed;
    if (add->timeout_ms > 0) timeout = std::min(timeout, std::chrono::milliseconds{add->timeout_ms});
  } else {
    const auto& remove = std::get<protocol::RemoveRaftVoterRequest>(request.body);
    wanted_cluster = remove.cluster_id;
    change.voter = {.node = remove.voter_id, .directory = remove.voter_directory_id};
  }
  if (wanted_cluster && !wanted_cluster->empty() && *wanted_cluster != cluster_id) {
    return answer(refuse(request, ErrorCode::inconsistent_cluster_id, "This is another cluster."));
  }
  if (change.voter.node < BrokerId{0} || !change.voter.is_pinned()) {
    return answer(refuse(request, ErrorCode::invalid_request, "A voter is its node id and its directory id."));
  }
  // Of a node that the quorum has not heard: what it says of itself is truer than what is said of it.
  const auto* add = std::get_if<protocol::AddRaftVoterRequest>(&request.body);
  if (add != nullptr && !add->listeners.empty() && !addresses_.quorum_address(change.voter.node)) {
    const auto& listener = add->listeners.front();
    addresses_.set_quorum_address(change.voter.node, {.host = listener.host, .port = listener.port});
  }
  change.request = std::move(request);
  change.answer = std::move(answer);
  change.deadline = now.steady + timeout;
  change.known_by = now.steady + kUnknownMax;
  changes_.push_back(std::move(change));
  if (begin(changes_.back(), raft, now)) std::erase_if(changes_, [](const Change& one) { return !one.answer; });
}

bool QuorumRequests::begin(Change& change, raft::Raft& raft, raft::Now now) {
  const auto proposed = change.adds ? raft.add_voter(change.voter, now) : raft.remove_voter(change.voter, now);
  change.refusal = proposed.refusal;
  if (proposed.refusal == Refusal::none) {
    spdlog::info("quorum voter={}@{} is being {}", change.voter.node.value(), change.voter.directory.to_string(),
                 change.adds ? "added" : "removed");
    change.index = raft.log().configuration_index();
    if (change.acknowledged_early) std::exchange(change.answer, nullptr)(accepted(change.adds));
    return true;
  }
  const bool is_awaited = change.adds && proposed.refusal == Refusal::unknown_replica && now.steady < change.known_by;
  if ((is_awaited || is_worth_waiting(proposed.refusal)) && now.steady < change.deadline) return false;
  std::exchange(change.answer,
                nullptr)(refuse(change.request, error_of(proposed.refusal), reason_of(proposed.refusal, change.adds)));
  return true;
}

void QuorumRequests::on_applied(raft::LogIndex index) {
  for (auto& change : changes_) {
    if (change.index && *change.index <= index) std::exchange(change.answer, nullptr)(accepted(change.adds));
  }
  std::erase_if(changes_, [](const Change& one) { return !one.answer; });
}

void QuorumRequests::on_lost_leadership() {
  samples_.clear();
  for (auto& change : std::exchange(changes_, {})) {
    change.answer(refuse(change.request, ErrorCode::not_controller, "The controller has moved."));
  }
}

void QuorumRequests::tick(raft::Raft& raft, raft::Now now) {
  take_sample(raft, now);
  if (now.steady < retry_due_) return;
  retry_due_ = now.steady + kRetryInterval;
  for (auto& change : changes_) {
    if (!change.index) begin(change, raft, now);
  }
  std::erase_if(changes_, [](const Change& one) { return !one.answer; });
}

raft::Instant QuorumRequests::next_deadline() const {
  const bool waits = std::ranges::any_of(changes_, [](const Change& change) { return !change.index; });
  return waits ? retry_due_ : raft::Instant::max();
}

}  // namespace sluice::broker::controller
