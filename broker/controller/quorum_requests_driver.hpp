#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <string>

#include "broker/controller/controller_request.hpp"
#include "broker/raft/raft.hpp"

namespace sluice::broker::peer {
class AddressBook;
}

namespace sluice::broker::controller {

/// Answers the requests that the quorum itself decides, on its leader, from the Raft core (KIP-595, KIP-836, KIP-853).
///
/// A change of voters that can't be begun yet, since another is under way or the new voter lacks too much of the log,
/// is tried again until its time is over. Positions are told as Kafka does, exclusively: an entry's index and one.
///
/// Threading: the Raft thread.
class QuorumRequests {
 public:
  struct Options {
    BrokerId self{};
    std::string listener_name;                        ///< what the endpoints of voters are told under
    std::chrono::milliseconds change_timeout{30000};  ///< of a removal, which brings no time of its own
  };
  QuorumRequests(Options options, peer::AddressBook& addresses);

  /// Pre: `raft` leads.
  void describe(const protocol::DescribeQuorumRequest& request, const raft::Raft& raft, raft::Now now,
                const Answer<ControllerResponse>& answer) const;
  /// Pre: `raft` leads; the request is AddRaftVoter or RemoveRaftVoter.
  void change(ControllerRequest request, const std::string& cluster_id, raft::Raft& raft, raft::Now now,
              Answer<ControllerResponse> answer);

  void on_applied(raft::LogIndex index);
  void on_lost_leadership();
  /// Tries again what had to wait.
  void tick(raft::Raft& raft, raft::Now now);
  raft::Instant next_deadline() const;

 private:
  struct Change {
    ControllerRequest request;
    Answer<ControllerResponse> answer;
    raft::ReplicaKey voter;
    bool adds = false;
    bool acknowledged_early = false;
    raft::Instant deadline{};
    raft::Instant known_by{};               ///< a new voter that does not even follow the log by then is refused
    std::optional<raft::LogIndex> index{};  ///< of its entry, once there is one
    raft::Refusal refusal = raft::Refusal::none;
  };
  /// The log's end at some moment: who has that much now had caught up then.
  struct Sample {
    raft::Instant at;
    Timestamp wall;
    raft::LogIndex last;
  };

  using ReplicaState = protocol::DescribeQuorumResponse::ReplicaState;
  ReplicaState state_of(const raft::ReplicaKey& replica, const raft::Raft& raft, raft::Now now) const;
  Timestamp caught_up_at(raft::LogIndex match) const;
  /// False: it is to be tried again.
  bool begin(Change& change, raft::Raft& raft, raft::Now now);
  void take_sample(const raft::Raft& raft, raft::Now now);

  const Options options_;
  peer::AddressBook& addresses_;
  std::list<Change> changes_;
  raft::Instant retry_due_{0};
  std::deque<Sample> samples_;  // ascending in all
};

}  // namespace sluice::broker::controller
