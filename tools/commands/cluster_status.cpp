#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <memory>

#include "protocol/messages/apis.hpp"
#include "protocol/messages/describe_cluster.hpp"
#include "tools/cli/table.hpp"
#include "tools/cluster_client.hpp"
#include "tools/commands/commands.hpp"

namespace sluice::tools {
namespace {

using protocol::ErrorCode;

constexpr std::int16_t kFirstWithFenced = 2;

// Each broker is asked itself, since the one that answers for all may know others that cannot be reached.
Table brokers_of(const protocol::DescribeClusterResponse& cluster, const Globals& globals) {
  Table table{{"broker", "address", "rack", "controller", "state", "apis"}};
  for (const auto& broker : cluster.brokers) {
    const auto connection =
        client::NegotiatedConnection::open(broker.host, static_cast<std::uint16_t>(broker.port), globals.timeout);
    const auto state = broker.is_fenced ? std::string{"fenced"} : connection ? "up" : connection.error().message();
    table.add({broker.broker_id.value(), fmt::format("{}:{}", broker.host, broker.port),
               broker.rack ? Json(*broker.rack) : Json{}, broker.broker_id == cluster.controller_id ? "yes" : "no",
               state, connection ? Json(connection->versions().size()) : Json{}});
  }
  return table;
}

Table versions_of(const client::NegotiatedConnection& connection) {
  Table table{{"key", "api", "min", "max"}};
  for (const auto& [key, versions] : connection.versions()) {
    const auto* api = protocol::find_api(static_cast<std::int16_t>(key));
    table.add({static_cast<int>(key), api ? Json(api->name) : Json{}, versions.min, versions.max});
  }
  return table;
}

void print_json(const protocol::DescribeClusterResponse& cluster, const Table& brokers,
                const client::NegotiatedConnection& connection) {
  const Json status{{"cluster_id", cluster.cluster_id},
                    {"controller", cluster.controller_id.value()},
                    {"brokers", brokers.to_json()},
                    {"versions", versions_of(connection).to_json()}};
  std::fputs((to_line(status) + '\n').c_str(), stdout);
}

Outcome<> run(bool versions, const Globals& globals) {
  auto cluster = ClusterClient::connect(globals);
  if (!cluster) return cluster.error();
  protocol::DescribeClusterRequest request;
  const auto version = cluster->connection().version_of<protocol::DescribeCluster>();
  request.include_fenced_brokers = version && *version >= kFirstWithFenced;
  const auto answer = cluster->call<protocol::DescribeCluster>(request);
  if (!answer) return answer.error();
  if (answer->error_code != ErrorCode::none)
    return cluster->refusal(answer->error_code, "cluster", "describe", answer->error_message);
  const auto brokers = brokers_of(*answer, globals);
  if (globals.output == OutputFormat::json) {
    print_json(*answer, brokers, cluster->connection());
    return {};
  }
  if (globals.output == OutputFormat::table) {
    const auto controller = answer->controller_id == kNoBroker ? "none" : std::to_string(answer->controller_id.value());
    std::fputs(fmt::format("cluster {}   controller {}\n", answer->cluster_id, controller).c_str(), stdout);
  }
  brokers.print(globals.output);
  if (versions) versions_of(cluster->connection()).print(globals.output);
  return {};
}

}  // namespace

void add_cluster_status(CLI::App& cluster, const Globals& globals, Command& chosen) {
  auto* command = cluster.add_subcommand("status", "The cluster's id, controller and brokers, and who can be reached");
  const auto versions = std::make_shared<bool>(false);
  command->add_flag("--versions", *versions, "Also the versions of each API that the broker speaks");
  command->callback(
      [versions, &globals, &chosen] { chosen = [versions, &globals] { return run(*versions, globals); }; });
}

}  // namespace sluice::tools
