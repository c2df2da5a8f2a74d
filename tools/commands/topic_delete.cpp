#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iostream>
#include <memory>
#include <unistd.h>

#include "protocol/messages/delete_topics.hpp"
#include "tools/cli/table.hpp"
#include "tools/cluster_client.hpp"
#include "tools/commands/commands.hpp"

namespace sluice::tools {
namespace {

using protocol::ErrorCode;

struct TopicDelete {
  std::vector<std::string> names;
  bool if_present = false;
};

Outcome<> confirm(const TopicDelete& options, const Globals& globals) {
  if (globals.yes) return {};
  const Failure refused{.status = ExitStatus::refused,
                        .message = fmt::format("{} is not deleted", fmt::join(options.names, ", ")),
                        .next = "repeat with --yes"};
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) return refused;
  std::cerr << fmt::format("Delete {} and all records in it, on {}? [y/N] ", fmt::join(options.names, ", "),
                           fmt::join(globals.brokers, ","));
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "yes") return {};
  return refused;
}

protocol::DeleteTopicsRequest request_of(const TopicDelete& options, const ClusterClient& cluster,
                                         const Globals& globals) {
  constexpr std::int16_t kFirstWithStates = 6;
  protocol::DeleteTopicsRequest request;
  request.timeout_ms = static_cast<std::int32_t>(globals.timeout.count());
  const auto version = cluster.connection().version_of<protocol::DeleteTopics>();
  if (version && *version < kFirstWithStates) {
    request.topic_names = options.names;
  } else {
    for (const auto& name : options.names) request.topics.emplace_back().name = name;
  }
  return request;
}

Outcome<> run(const TopicDelete& options, const Globals& globals) {
  if (const auto confirmed = confirm(options, globals); !confirmed) return confirmed;
  auto cluster = ClusterClient::connect(globals);
  if (!cluster) return cluster.error();
  const auto answer = cluster->call<protocol::DeleteTopics>(request_of(options, *cluster, globals));
  if (!answer) return answer.error();
  Table table{{"topic", "result"}};
  std::optional<Failure> failure;
  for (const auto& topic : answer->responses) {
    const auto name = topic.name.value_or("");
    const bool absent = topic.error_code == ErrorCode::unknown_topic_or_partition;
    if (topic.error_code == ErrorCode::none || (absent && options.if_present)) {
      table.add({name, absent ? "absent" : "deleted"});
    } else if (!failure) {
      failure = absent ? cluster->no_such_topic(name, "delete")
                       : cluster->refusal(topic.error_code, "topic " + name, "delete", topic.error_message);
    }
  }
  if (!table.empty()) table.print(globals.output);
  if (failure) return *failure;
  return {};
}

}  // namespace

void add_topic_delete(CLI::App& topic, const Globals& globals, Command& chosen) {
  auto* command = topic.add_subcommand("delete", "Deletes topics and their records; asks first");
  const auto options = std::make_shared<TopicDelete>();
  command->add_option("NAME", options->names, "Topics to delete")->required();
  command->add_flag("--if-present", options->if_present, "A topic that does not exist is fine");
  command->callback([options, &globals, &chosen] { chosen = [options, &globals] { return run(*options, globals); }; });
}

}  // namespace sluice::tools
