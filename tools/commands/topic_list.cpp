#include <CLI/CLI.hpp>
#include <algorithm>
#include <fnmatch.h>
#include <memory>

#include "tools/cli/table.hpp"
#include "tools/cluster_client.hpp"
#include "tools/commands/commands.hpp"

namespace sluice::tools {
namespace {

struct TopicList {
  std::string glob = "*";
  bool internal = false;
};

Outcome<> run(const TopicList& options, const Globals& globals) {
  auto cluster = ClusterClient::connect(globals);
  if (!cluster) return cluster.error();
  auto metadata = cluster->metadata(std::nullopt);
  if (!metadata) return metadata.error();
  auto& topics = metadata->topics;
  std::sort(topics.begin(), topics.end(), [](const auto& left, const auto& right) { return left.name < right.name; });
  Table table{{"topic", "partitions", "replicas", "topic_id"}};
  for (const auto& topic : topics) {
    const auto name = topic.name.value_or("");
    if ((topic.is_internal && !options.internal) || ::fnmatch(options.glob.c_str(), name.c_str(), 0) != 0) continue;
    const auto replicas = topic.partitions.empty() ? 0 : topic.partitions.front().replica_nodes.size();
    table.add({name, topic.partitions.size(), replicas, topic.topic_id.to_string()});
  }
  table.print(globals.output);
  return {};
}

}  // namespace

void add_topic_list(CLI::App& topic, const Globals& globals, Command& chosen) {
  auto* command = topic.add_subcommand("list", "Names, partitions and replicas of the topics");
  const auto options = std::make_shared<TopicList>();
  command->add_option("GLOB", options->glob, "Only topics whose name matches, as in 'orders-*'");
  command->add_flag("--internal", options->internal, "The cluster's own topics too");
  command->callback([options, &globals, &chosen] { chosen = [options, &globals] { return run(*options, globals); }; });
}

}  // namespace sluice::tools
