#include "broker/identity/discovery.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>
#include <utility>

namespace sluice::broker::identity {
namespace {

using peer::NodeDescription;

std::string name_of(const peer::PeerAddress& address) { return fmt::format("{}:{}", address.host, address.port); }

const NodeDescription::Voter* find_voter(const std::vector<NodeDescription::Voter>& voters, BrokerId node) {
  const auto found = std::ranges::find_if(voters, [&](const auto& voter) { return voter.replica.node == node; });
  return found == voters.end() ? nullptr : &*found;
}

raft::Configuration unpinned(const std::vector<NodeDescription::Voter>& voters) {
  std::vector<raft::ReplicaKey> keys;
  for (const auto& voter : voters) keys.push_back({voter.replica.node, {}});
  return raft::Configuration{std::move(keys)};
}

QuorumAddresses addresses_of(const Asker& asker, const Answer& answer) {
  QuorumAddresses addresses;
  for (const auto& voter : answer.description->voters) {
    if (voter.address.port != 0) addresses[voter.replica.node] = voter.address;
  }
  addresses.try_emplace(answer.description->node_id, answer.address);
  addresses.erase(asker.node_id);
  return addresses;
}

/// Null: nobody belongs to a cluster. Of those that do, who knows a leader knows best.
const Answer* find_formed(const std::vector<Answer>& answers) {
  const Answer* found = nullptr;
  for (const auto& answer : answers) {
    // Who is undecided may have the id from its disk, and knows no more than this.
    if (!answer.description || answer.description->cluster_id.empty() || answer.description->is_undecided) continue;
    if (found == nullptr || answer.description->leader != kNoBroker) found = &answer;
  }
  return found;
}

std::optional<Refuse> check_one_cluster(const std::vector<Answer>& answers, const Answer& formed) {
  for (const auto& answer : answers) {
    if (!answer.description || answer.description->cluster_id.empty()) continue;
    if (answer.description->cluster_id != formed.description->cluster_id) {
      return Refuse{fmt::format("{} is of cluster_id={}, {} of cluster_id={}: this node can be of one alone",
                                name_of(formed.address), formed.description->cluster_id, name_of(answer.address),
                                answer.description->cluster_id)};
    }
  }
  return std::nullopt;
}

/// A cluster that begins has the id that disks were given before, if any was.
std::optional<Refuse> take_cluster_id(Decided& decided, const std::vector<Answer>& answers) {
  for (const auto& answer : answers) {
    if (!answer.description || answer.description->cluster_id.empty()) continue;
    const auto& known = answer.description->cluster_id;
    if (decided.cluster_id.empty()) decided.cluster_id = known;
    if (decided.cluster_id == known) continue;
    return Refuse{
        fmt::format("{} has a disk of cluster_id={}, others of those that are to begin a cluster one of "
                    "cluster_id={}",
                    name_of(answer.address), known, decided.cluster_id)};
  }
  return std::nullopt;
}

/// The disk of a voter, without what it promised: it may neither vote nor unsay what it acknowledged.
std::string refusal_of_forgetful(const Asker& asker) {
  return fmt::format(
      "node_id={} is a voter of the metadata quorum with directory_id={}, which is this disk, but its metadata log is "
      "gone, and others rely on it. Bring __cluster_metadata-0 back; or empty the data directory, so that it gets a "
      "new "
      "directory id, start again, and then `sluice cluster remove-voter {}` and `sluice cluster add-voter {}`",
      asker.node_id.value(), asker.directory_id.to_string(), asker.node_id.value(), asker.node_id.value());
}

std::string advice_to(const Asker& asker, const NodeDescription::Voter& voter) {
  return fmt::format(
      "node_id={} is a voter of the metadata quorum with directory_id={}, which is not this disk: this node follows "
      "and "
      "does not vote. To make it a voter again: `sluice cluster remove-voter {}`, then `sluice cluster add-voter {}` "
      "(or "
      "kafka-metadata-quorum.sh remove-controller, then add-controller)",
      asker.node_id.value(), voter.replica.directory.to_string(), asker.node_id.value(), asker.node_id.value());
}

/// Of another node that took the asker's id.
bool is_double(const Asker& asker, const Answer& answer) {
  return answer.description && answer.description->node_id == asker.node_id &&
         answer.description->process_id != asker.process_id;
}

std::string told_of(const Answer& answer) {
  return fmt::format("{} ({})", name_of(answer.address), answer.description ? "undecided" : answer.error);
}

std::set<BrokerId> nodes_of(const std::vector<NodeDescription::Voter>& voters) {
  std::set<BrokerId> nodes;
  for (const auto& voter : voters) nodes.insert(voter.replica.node);
  return nodes;
}

/// One of the servers, which belongs to no cluster yet, knows whom it begins with.
const Answer* find_decided(const std::vector<Answer>& answers) {
  const auto found = std::ranges::find_if(answers, [](const Answer& answer) {
    return answer.description && !answer.description->is_undecided && !answer.description->voters.empty();
  });
  return found == answers.end() ? nullptr : &*found;
}

/// Who answered is where it was asked, whether or not the one that is followed knows that.
Verdict with_addresses(Verdict verdict, const Asker& asker, const std::vector<Answer>& answers) {
  auto* decided = std::get_if<Decided>(&verdict);
  if (decided == nullptr) return verdict;
  for (const auto& answer : answers) {
    if (!answer.description || answer.description->node_id == asker.node_id) continue;
    decided->quorum.try_emplace(answer.description->node_id, answer.address);
  }
  return verdict;
}

}  // namespace

Verdict follow(const Asker& asker, const Answer& answer) {
  const auto& description = *answer.description;
  if (!asker.cluster_id.empty() && !description.cluster_id.empty() && asker.cluster_id != description.cluster_id) {
    return Refuse{fmt::format("log.dirs are of cluster_id={}, but {} is of cluster_id={}", asker.cluster_id,
                              name_of(answer.address), description.cluster_id)};
  }
  Decided decided{.cluster_id = description.cluster_id.empty() ? asker.cluster_id : description.cluster_id,
                  .quorum = addresses_of(asker, answer)};
  const auto* own = find_voter(description.voters, asker.node_id);
  if (own == nullptr || !asker.is_controller) return decided;
  if (!own->replica.is_pinned()) {
    decided.bootstrap = unpinned(description.voters);  // one of those that the cluster began with, and late
  } else if (own->replica.directory != asker.directory_id) {
    decided.advice = advice_to(asker, *own);
  } else if (!asker.has_voted) {
    return Refuse{refusal_of_forgetful(asker)};
  }
  return decided;
}

Verdict judge_voters(const Asker& asker, const std::vector<config::QuorumVoter>& voters,
                     const std::vector<Answer>& answers, bool is_patient) {
  if (const auto* formed = find_formed(answers)) {
    if (auto refused = check_one_cluster(answers, *formed)) return *std::move(refused);
    return follow(asker, *formed);
  }
  Decided decided{.cluster_id = asker.cluster_id};
  std::vector<std::string> missing;
  std::vector<raft::ReplicaKey> keys;
  auto answer = answers.begin();
  for (const auto& voter : voters) {
    keys.push_back({voter.id, {}});
    if (voter.id == asker.node_id) continue;
    decided.quorum[voter.id] = {voter.endpoint.host, voter.endpoint.port};
    if (answer == answers.end()) break;
    const auto& description = answer->description;
    if (description && description->node_id != voter.id) {
      missing.push_back(fmt::format("{} (is node_id={}, not {})", name_of(answer->address),
                                    description->node_id.value(), voter.id.value()));
    } else if (!description) {
      missing.push_back(told_of(*answer));
    }
    ++answer;
  }
  const bool has_majority = voters.size() - missing.size() > voters.size() / 2;
  if (!missing.empty() && (is_patient || !has_majority)) {
    return Wait{fmt::format("other voters: {}", fmt::join(missing, ", "))};
  }
  if (auto refused = take_cluster_id(decided, answers)) return *std::move(refused);
  decided.bootstrap = raft::Configuration{std::move(keys)};
  return decided;
}

std::vector<NodeDescription::Voter> candidates(const std::vector<Answer>& answers) {
  std::vector<NodeDescription::Voter> found;
  for (const auto& answer : answers) {
    if (!answer.description || !answer.description->is_undecided) continue;
    const auto node = answer.description->node_id;
    // Who is a mere broker does not name itself.
    if (find_voter(answer.description->voters, node) == nullptr || find_voter(found, node) != nullptr) continue;
    found.push_back({.replica = {node, {}}, .address = answer.address});
  }
  std::ranges::sort(found, {}, [](const auto& voter) { return voter.replica.node; });
  return found;
}

Verdict judge_servers(const Asker& asker, const std::vector<Answer>& answers) {
  if (const auto* formed = find_formed(answers)) {
    if (auto refused = check_one_cluster(answers, *formed)) return *std::move(refused);
    return with_addresses(follow(asker, *formed), asker, answers);
  }
  if (const auto* decided = find_decided(answers)) return with_addresses(follow(asker, *decided), asker, answers);

  std::vector<std::string> missing;
  for (const auto& answer : answers) {
    if (is_double(asker, answer)) {
      return Refuse{
          fmt::format("node.id = {}: the node at {} has that id too", asker.node_id.value(), name_of(answer.address))};
    }
    if (!answer.description) missing.push_back(told_of(answer));
  }
  if (!missing.empty()) return Wait{fmt::format("bootstrap servers: {}", fmt::join(missing, ", "))};

  const auto voters = candidates(answers);
  const auto nodes = nodes_of(voters);
  for (const auto& answer : answers) {
    if (nodes_of(answer.description->voters) == nodes) continue;
    missing.push_back(
        fmt::format("{} (has not heard of the same nodes, or has another list)", name_of(answer.address)));
  }
  if (!missing.empty()) return Wait{fmt::format("bootstrap servers: {}", fmt::join(missing, ", "))};
  if (!nodes.contains(asker.node_id)) {
    return Wait{"the bootstrap servers to begin a cluster, which this node is none of"};
  }
  Decided decided{.cluster_id = asker.cluster_id, .bootstrap = unpinned(voters)};
  if (auto refused = take_cluster_id(decided, answers)) return *std::move(refused);
  for (const auto& voter : voters) {
    if (voter.replica.node != asker.node_id) decided.quorum[voter.replica.node] = voter.address;
  }
  return decided;
}

}  // namespace sluice::broker::identity
