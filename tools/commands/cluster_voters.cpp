#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <memory>

#include "protocol/messages/add_raft_voter.hpp"
#include "protocol/messages/describe_cluster.hpp"
#include "protocol/messages/remove_raft_voter.hpp"
#include "tools/cli/table.hpp"
#include "tools/cluster_client.hpp"
#include "tools/commands/commands.hpp"
#include "tools/quorum.hpp"

namespace sluice::tools {
namespace {

using protocol::ErrorCode;
using Replica = protocol::DescribeQuorumResponse::ReplicaState;

const Replica* find(const std::vector<Replica>& replicas, BrokerId node) {
  const auto found = std::find_if(replicas.begin(), replicas.end(),
                                  [&](const Replica& replica) { return replica.replica_id == node; });
  return found == replicas.end() ? nullptr : &*found;
}

Failure no_such(BrokerId node, const std::string& what, const std::string& tried) {
  return {.status = ExitStatus::not_found,
          .message = fmt::format("node {} is no {} of the metadata quorum", node.value(), what),
          .tried = tried,
          .next = "`sluice cluster quorum` lists them"};
}

void print(BrokerId node, const std::string& result, const Globals& globals) {
  Table table{{"node", "result"}};
  table.add({node.value(), result});
  table.print(globals.output);
}

/// Where the brokers among them say that node is reached; a node that is a controller only has told its peers.
Outcome<std::vector<protocol::AddRaftVoterRequest::Listener>> listeners_of(ClusterClient& cluster, BrokerId node,
                                                                           std::string& cluster_id) {
  auto answer = cluster.call<protocol::DescribeCluster>({});
  if (!answer) return answer.error();
  cluster_id = answer->cluster_id;
  std::vector<protocol::AddRaftVoterRequest::Listener> listeners;
  for (const auto& broker : answer->brokers) {
    if (broker.broker_id != node) continue;
    auto& listener = listeners.emplace_back();
    listener.name = "PLAINTEXT";
    listener.host = broker.host;
    listener.port = static_cast<std::uint16_t>(broker.port);
  }
  return listeners;
}

Outcome<> add(BrokerId node, const Globals& globals) {
  auto cluster = ClusterClient::connect(globals);
  if (!cluster) return cluster.error();
  const auto quorum = describe_quorum(*cluster);
  if (!quorum) return quorum.error();
  const auto* observer = find(quorum->observers, node);
  if (observer == nullptr) return no_such(node, "observer", "add-voter");
  protocol::AddRaftVoterRequest request;
  std::string cluster_id;
  auto listeners = listeners_of(*cluster, node, cluster_id);
  if (!listeners) return listeners.error();
  request.cluster_id = cluster_id;
  request.timeout_ms = static_cast<std::int32_t>(globals.timeout.count());
  request.voter_id = node;
  request.voter_directory_id = observer->replica_directory_id;
  request.listeners = std::move(*listeners);
  const auto answer = cluster->call<protocol::AddRaftVoter>(request);
  if (!answer) return answer.error();
  if (answer->error_code != ErrorCode::none) {
    return cluster->refusal(answer->error_code, fmt::format("node {}", node.value()), "add-voter",
                            answer->error_message);
  }
  print(node, "voter", globals);
  return {};
}

Outcome<> remove(BrokerId node, const Globals& globals) {
  auto cluster = ClusterClient::connect(globals);
  if (!cluster) return cluster.error();
  const auto quorum = describe_quorum(*cluster);
  if (!quorum) return quorum.error();
  const auto* voter = find(quorum->current_voters, node);
  if (voter == nullptr) return no_such(node, "voter", "remove-voter");
  protocol::RemoveRaftVoterRequest request;
  request.voter_id = node;
  request.voter_directory_id = voter->replica_directory_id;
  const auto answer = cluster->call<protocol::RemoveRaftVoter>(request);
  if (!answer) return answer.error();
  if (answer->error_code != ErrorCode::none) {
    return cluster->refusal(answer->error_code, fmt::format("node {}", node.value()), "remove-voter",
                            answer->error_message);
  }
  print(node, "removed", globals);
  return {};
}

void add_verb(CLI::App& cluster, const std::string& name, const std::string& description,
              Outcome<> (*act)(BrokerId, const Globals&), const Globals& globals, Command& chosen) {
  auto* command = cluster.add_subcommand(name, description);
  const auto node = std::make_shared<std::int32_t>();
  command->add_option("NODE", *node, "Its node.id")->required();
  command->callback([=, &globals, &chosen] { chosen = [=, &globals] { return act(BrokerId{*node}, globals); }; });
}

}  // namespace

void add_cluster_voters(CLI::App& cluster, const Globals& globals, Command& chosen) {
  add_verb(cluster, "add-voter", "Makes a node that follows the metadata a voter", add, globals, chosen);
  add_verb(cluster, "remove-voter", "Takes a voter's vote; what it stores stays", remove, globals, chosen);
}

}  // namespace sluice::tools
