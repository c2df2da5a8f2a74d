#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

#include "protocol/messages/unregister_broker.hpp"
#include "tools/cli/table.hpp"
#include "tools/cluster_client.hpp"
#include "tools/commands/commands.hpp"

namespace sluice::tools {
namespace {

Outcome<> run(std::int32_t broker, const Globals& globals) {
  auto cluster = ClusterClient::connect(globals);
  if (!cluster) return cluster.error();
  protocol::UnregisterBrokerRequest request;
  request.broker_id = BrokerId{broker};
  const auto answer = cluster->call<protocol::UnregisterBroker>(request);
  if (!answer) return answer.error();
  if (answer->error_code != protocol::ErrorCode::none) {
    return cluster->refusal(answer->error_code, fmt::format("broker {}", broker), "forget", answer->error_message);
  }
  Table table{{"broker", "result"}};
  table.add({broker, "forgotten"});
  table.print(globals.output);
  return {};
}

}  // namespace

void add_cluster_forget(CLI::App& cluster, const Globals& globals, Command& chosen) {
  auto* command = cluster.add_subcommand("forget", "Drops the registration of a broker that will not come back");
  const auto broker = std::make_shared<std::int32_t>();
  command->add_option("BROKER", *broker, "Its node.id")->required();
  command->callback([=, &globals, &chosen] { chosen = [=, &globals] { return run(*broker, globals); }; });
}

}  // namespace sluice::tools
