#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>

#include "tools/cli/table.hpp"
#include "tools/cluster_client.hpp"
#include "tools/commands/commands.hpp"
#include "tools/quorum.hpp"

namespace sluice::tools {
namespace {

using Quorum = protocol::DescribeQuorumResponse::PartitionData;
using Replica = protocol::DescribeQuorumResponse::ReplicaState;

Offset end_of_leader(const Quorum& quorum) {
  const auto is_leader = [&](const Replica& replica) { return replica.replica_id == quorum.leader_id; };
  const auto found = std::find_if(quorum.current_voters.begin(), quorum.current_voters.end(), is_leader);
  return found == quorum.current_voters.end() ? quorum.high_watermark : found->log_end_offset;
}

void add(Table& table, const Quorum& quorum, const std::vector<Replica>& replicas, const std::string& role) {
  for (const auto& replica : replicas) {
    const bool known = replica.log_end_offset >= Offset{0};
    table.add({replica.replica_id.value(), replica.replica_id == quorum.leader_id ? "leader" : role,
               replica.replica_directory_id.to_string(), known ? Json(replica.log_end_offset.value()) : Json{},
               known ? Json(std::max<std::int64_t>(end_of_leader(quorum) - replica.log_end_offset, 0)) : Json{}});
  }
}

Outcome<> run(const Globals& globals) {
  auto cluster = ClusterClient::connect(globals);
  if (!cluster) return cluster.error();
  const auto quorum = describe_quorum(*cluster);
  if (!quorum) return quorum.error();
  Table table{{"node", "role", "directory", "end", "lag"}};
  add(table, *quorum, quorum->current_voters, "voter");
  add(table, *quorum, quorum->observers, "observer");
  if (globals.output == OutputFormat::json) {
    const Json all{{"leader", quorum->leader_id.value()},
                   {"term", quorum->leader_epoch.value()},
                   {"committed", quorum->high_watermark.value()},
                   {"nodes", table.to_json()}};
    std::fputs((to_line(all) + '\n').c_str(), stdout);
    return {};
  }
  if (globals.output == OutputFormat::table) {
    std::fputs(fmt::format("leader {}   term {}   committed {}\n", quorum->leader_id.value(),
                           quorum->leader_epoch.value(), quorum->high_watermark.value())
                   .c_str(),
               stdout);
  }
  table.print(globals.output);
  return {};
}

}  // namespace

void add_cluster_quorum(CLI::App& cluster, const Globals& globals, Command& chosen) {
  auto* command = cluster.add_subcommand("quorum", "Who keeps the metadata: the leader, the voters, the observers");
  command->callback([&globals, &chosen] { chosen = [&globals] { return run(globals); }; });
}

}  // namespace sluice::tools
