#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

#include "protocol/messages/create_topics.hpp"
#include "tools/cli/table.hpp"
#include "tools/cluster_client.hpp"
#include "tools/commands/commands.hpp"

namespace sluice::tools {
namespace {

using protocol::CreateTopicsRequest;
using protocol::ErrorCode;

struct TopicCreate {
  std::vector<std::string> names;
  std::int32_t partitions = 1;
  std::int16_t replicas = 1;
  std::vector<std::string> settings;  // NAME=VALUE
  bool if_absent = false;
};

Outcome<CreateTopicsRequest> request_of(const TopicCreate& options, const Globals& globals) {
  CreateTopicsRequest request;
  request.timeout_ms = static_cast<std::int32_t>(globals.timeout.count());
  for (const auto& name : options.names) {
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = options.partitions;
    topic.replication_factor = options.replicas;
    for (const auto& setting : options.settings) {
      const auto equals = setting.find('=');
      if (equals == std::string::npos)
        return Failure{.status = ExitStatus::usage,
                       .message = fmt::format("--set {}: NAME=VALUE was expected", setting)};
      auto& config = topic.configs.emplace_back();
      config.name = setting.substr(0, equals);
      config.value = setting.substr(equals + 1);
    }
  }
  return request;
}

Outcome<> run(const TopicCreate& options, const Globals& globals) {
  const auto request = request_of(options, globals);
  if (!request) return request.error();
  auto cluster = ClusterClient::connect(globals);
  if (!cluster) return cluster.error();
  const auto answer = cluster->call<protocol::CreateTopics>(*request);
  if (!answer) return answer.error();

  Table table{{"topic", "result", "partitions", "replicas"}};
  std::optional<Failure> failure;
  for (const auto& topic : answer->topics) {
    const bool present = options.if_absent && topic.error_code == ErrorCode::topic_already_exists;
    if (topic.error_code == ErrorCode::none || present) {
      // -1: brokers before CreateTopics 5 do not say.
      const auto partitions = topic.num_partitions >= 0 ? topic.num_partitions : options.partitions;
      const auto replicas = topic.replication_factor >= 0 ? topic.replication_factor : options.replicas;
      table.add({topic.name, present ? "exists" : "created", present ? Json{} : Json(partitions),
                 present ? Json{} : Json(replicas)});
    } else if (!failure) {
      failure = cluster->refusal(topic.error_code, "topic " + topic.name, "create", topic.error_message);
      if (topic.error_code == ErrorCode::topic_already_exists) failure->next = "--if-absent takes it as it is";
    }
  }
  if (!table.empty()) table.print(globals.output);
  if (failure) return *failure;
  return {};
}

}  // namespace

void add_topic_create(CLI::App& topic, const Globals& globals, Command& chosen) {
  auto* command = topic.add_subcommand("create", "Creates topics");
  const auto options = std::make_shared<TopicCreate>();
  command->add_option("NAME", options->names, "Topics to create")->required();
  command->add_option("-p,--partitions", options->partitions, "Partitions of each")->capture_default_str();
  command->add_option("-r,--replicas", options->replicas, "Replicas of each partition")->capture_default_str();
  command->add_option("--set", options->settings, "A setting, as in retention.ms=3600000; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command->add_flag("--if-absent", options->if_absent, "A topic that exists already is fine");
  command->callback([options, &globals, &chosen] { chosen = [options, &globals] { return run(*options, globals); }; });
}

}  // namespace sluice::tools
