#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/config/cluster_settings.hpp"
#include "broker/identity/quorum_file.hpp"
#include "broker/peer/cluster_call.hpp"
#include "broker/raft/configuration.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/uuid.hpp"

// What to make of the answers of other nodes. Pure: who asks, how often and until when is PeerSurvey's.

namespace sluice::broker::identity {

/// The node that wants to know.
struct Asker {
  BrokerId node_id = kNoBroker;
  Uuid directory_id{};       ///< zero: a new disk
  Uuid process_id{};         ///< tells its own answer from that of another node with its id
  std::string cluster_id{};  ///< of its disk; empty: none
  bool is_controller = true;
  bool has_voted = false;  ///< it has a metadata log that remembers what it promised
};

struct Answer {
  peer::PeerAddress address{};
  std::optional<peer::NodeDescription> description{};  ///< nullopt: none came
  std::string error{};                                 ///< then
};

/// Decided. `quorum` is without the asker.
struct Decided {
  std::string cluster_id{};
  raft::Configuration bootstrap{};
  QuorumAddresses quorum{};
  std::string advice{};
};
struct Wait {
  std::string for_what{};
};
struct Refuse {
  std::string why{};
};
using Verdict = std::variant<Decided, Wait, Refuse>;

/// The asker, a controller that has never voted, is one of `voters`; `answers` are of the others, in their order. A new
/// cluster begins once all of them are heard of, and none knows a cluster; a majority will do when `is_patient` is
/// false.
Verdict judge_voters(const Asker& asker, const std::vector<config::QuorumVoter>& voters,
                     const std::vector<Answer>& answers, bool is_patient);

/// `answers` are of all bootstrap servers, the asker's own among them if it is one. A new cluster begins once all of
/// them are undecided and have heard of the same nodes, or one of them has decided so.
Verdict judge_servers(const Asker& asker, const std::vector<Answer>& answers);

/// The new nodes among those that answered that would be voters: what the asker tells others in turn.
std::vector<peer::NodeDescription::Voter> candidates(const std::vector<Answer>& answers);

/// `answer` is of a node that belongs to a cluster: the asker becomes part of that.
Verdict follow(const Asker& asker, const Answer& answer);

}  // namespace sluice::broker::identity
