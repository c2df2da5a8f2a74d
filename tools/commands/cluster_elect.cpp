#include <CLI/CLI.hpp>
#include <memory>

#include "protocol/messages/elect_leaders.hpp"
#include "tools/cli/table.hpp"
#include "tools/cluster_client.hpp"
#include "tools/commands/commands.hpp"

namespace sluice::tools {
namespace {

using protocol::ErrorCode;

struct Elect {
  std::vector<std::string> topics;
  bool unclean = false;
};

/// All partitions of the named topics; nullopt: of all topics.
Outcome<std::optional<std::vector<protocol::ElectLeadersRequest::TopicPartitions>>> targets(
    ClusterClient& cluster, const std::vector<std::string>& topics) {
  if (topics.empty()) return std::optional<std::vector<protocol::ElectLeadersRequest::TopicPartitions>>{};
  auto metadata = cluster.metadata(topics);
  if (!metadata) return metadata.error();
  std::vector<protocol::ElectLeadersRequest::TopicPartitions> found;
  for (const auto& topic : metadata->topics) {
    const auto name = topic.name.value_or("");
    if (topic.error_code != ErrorCode::none) return cluster.no_such_topic(name, "elect");
    auto& wanted = found.emplace_back();
    wanted.topic = name;
    for (const auto& partition : topic.partitions) wanted.partitions.push_back(partition.partition_index);
  }
  return std::optional{std::move(found)};
}

Outcome<> run(const Elect& options, const Globals& globals) {
  auto cluster = ClusterClient::connect(globals);
  if (!cluster) return cluster.error();
  auto wanted = targets(*cluster, options.topics);
  if (!wanted) return wanted.error();
  protocol::ElectLeadersRequest request;
  request.election_type = options.unclean ? 1 : 0;
  request.topic_partitions = std::move(*wanted);
  request.timeout_ms = static_cast<std::int32_t>(globals.timeout.count());
  const auto answer = cluster->call<protocol::ElectLeaders>(request);
  if (!answer) return answer.error();
  if (answer->error_code != ErrorCode::none) return cluster->refusal(answer->error_code, "leaders", "elect");
  Table table{{"topic", "partition", "result"}};
  bool failed = false;
  for (const auto& topic : answer->replica_election_results) {
    for (const auto& partition : topic.partition_result) {
      const bool needless = partition.error_code == ErrorCode::election_not_needed;
      failed |= partition.error_code != ErrorCode::none && !needless;
      table.add({topic.topic, partition.partition_id.value(),
                 needless                                  ? "leads already"
                 : partition.error_code == ErrorCode::none ? "elected"
                                                           : std::string{protocol::name(partition.error_code)}});
    }
  }
  table.print(globals.output);
  if (!failed) return {};
  return Failure{.status = ExitStatus::partly_failed,
                 .message = "not every partition has the leader that was asked for",
                 .next = "`sluice topic describe` shows which replicas are in sync"};
}

}  // namespace

void add_cluster_elect(CLI::App& cluster, const Globals& globals, Command& chosen) {
  auto* command =
      cluster.add_subcommand("elect", "Gives partitions back to their first replicas, where these are in sync");
  const auto options = std::make_shared<Elect>();
  command->add_option("TOPIC", options->topics, "Topics; none: all");
  command->add_flag("--unclean", options->unclean,
                    "Of partitions without a leader: elects a replica that may lack records. What it lacks is lost");
  command->callback([options, &globals, &chosen] { chosen = [options, &globals] { return run(*options, globals); }; });
}

}  // namespace sluice::tools
