#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <memory>

#include "protocol/messages/describe_configs.hpp"
#include "tools/cli/table.hpp"
#include "tools/cluster_client.hpp"
#include "tools/commands/commands.hpp"

namespace sluice::tools {
namespace {

using protocol::ErrorCode;
using Topic = protocol::MetadataResponse::MetadataResponseTopic;

constexpr std::int8_t kTopicResource = 2;
constexpr std::int8_t kSetOnTopic = 1;

Json ids(const std::vector<BrokerId>& brokers) {
  auto list = Json::array();
  for (const auto& broker : brokers) list.push_back(broker.value());
  return list;
}

Table partitions_of(Topic topic) {
  auto& partitions = topic.partitions;
  std::sort(partitions.begin(), partitions.end(),
            [](const auto& left, const auto& right) { return left.partition_index < right.partition_index; });
  Table table{{"partition", "leader", "leader_epoch", "replicas", "in_sync", "error"}};
  for (const auto& partition : partitions) {
    const auto error = partition.error_code == ErrorCode::none ? Json{} : Json(protocol::name(partition.error_code));
    const auto leader = partition.leader_id == kNoBroker ? Json{} : Json(partition.leader_id.value());
    table.add({partition.partition_index.value(), leader, partition.leader_epoch.value(), ids(partition.replica_nodes),
               ids(partition.isr_nodes), error});
  }
  return table;
}

/// What differs from the defaults, into `settings`.
Outcome<> read_settings(ClusterClient& cluster, const std::string& topic, Json& settings) {
  protocol::DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kTopicResource;
  resource.resource_name = topic;
  resource.configuration_keys.reset();
  const auto answer = cluster.call<protocol::DescribeConfigs>(request);
  if (!answer) return answer.error();
  settings = Json::object();
  for (const auto& result : answer->results) {
    if (result.error_code != ErrorCode::none)
      return cluster.refusal(result.error_code, "settings of " + topic, "describe", result.error_message);
    for (const auto& config : result.configs) {
      if (config.config_source == kSetOnTopic) settings[config.name] = config.value ? Json(*config.value) : Json{};
    }
  }
  return {};
}

void print_text(const Topic& topic, const Json& settings, OutputFormat format) {
  const auto partitions = partitions_of(topic);
  if (format == OutputFormat::table) {
    std::fputs(
        fmt::format("{}   {} partitions   id {}\n", *topic.name, topic.partitions.size(), topic.topic_id.to_string())
            .c_str(),
        stdout);
    for (const auto& [name, value] : settings.items()) {
      std::fputs(fmt::format("{}={}\n", name, to_text(value)).c_str(), stdout);
    }
  }
  partitions.print(format);
}

Json describe_as_json(const Topic& topic, Json settings) {
  return {{"topic", *topic.name},
          {"topic_id", topic.topic_id.to_string()},
          {"internal", topic.is_internal},
          {"settings", std::move(settings)},
          {"partitions", partitions_of(topic).to_json()}};
}

Outcome<> run(const std::vector<std::string>& names, const Globals& globals) {
  auto cluster = ClusterClient::connect(globals);
  if (!cluster) return cluster.error();
  const auto metadata = cluster->metadata(names);
  if (!metadata) return metadata.error();
  auto all = Json::array();
  for (const auto& topic : metadata->topics) {
    const auto name = topic.name.value_or("");
    if (topic.error_code == ErrorCode::unknown_topic_or_partition) return cluster->no_such_topic(name, "describe");
    if (topic.error_code != ErrorCode::none) return cluster->refusal(topic.error_code, "topic " + name, "describe");
    Json settings;
    if (const auto read = read_settings(*cluster, name, settings); !read) return read;
    if (globals.output == OutputFormat::json) {
      all.push_back(describe_as_json(topic, std::move(settings)));
    } else {
      print_text(topic, settings, globals.output);
    }
  }
  if (globals.output == OutputFormat::json) std::fputs((to_line(all) + '\n').c_str(), stdout);
  return {};
}

}  // namespace

void add_topic_describe(CLI::App& topic, const Globals& globals, Command& chosen) {
  auto* command = topic.add_subcommand("describe", "Partitions, leaders, replicas and what is set on the topic");
  const auto names = std::make_shared<std::vector<std::string>>();
  command->add_option("NAME", *names, "Topics to describe")->required();
  command->callback([names, &globals, &chosen] { chosen = [names, &globals] { return run(*names, globals); }; });
}

}  // namespace sluice::tools
