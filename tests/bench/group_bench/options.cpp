#include "tests/bench/group_bench/options.hpp"

#include <functional>
#include <map>

#include "tests/bench/group_bench/request_loop.hpp"

namespace sluice::bench {

Options parse_options(int argc, char** argv) {
  Options options;
  const auto whole = [](int& into) { return [&into](const std::string& text) { into = std::stoi(text); }; };
  const auto real = [](double& into) { return [&into](const std::string& text) { into = std::stod(text); }; };
  const std::map<std::string, std::function<void(const std::string&)>> known{
      {"--broker",
       [&](const std::string& text) {
         const auto colon = text.rfind(':');
         options.host = text.substr(0, colon);
         options.port = static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1)));
       }},
      {"--protocol", [&](const std::string& text) { options.consumer_protocol = text == "consumer"; }},
      {"--server-pid", whole(options.server_pid)},
      {"--groups", whole(options.groups)},
      {"--members", whole(options.members)},
      {"--partitions", whole(options.partitions)},
      {"--heartbeat-ms", whole(options.heartbeat_ms)},
      {"--rounds", whole(options.rounds)},
      {"--connections", whole(options.connections)},
      {"--in-flight", whole(options.in_flight)},
      {"--rate", real(options.rate)},
      {"--seconds", real(options.seconds)},
      {"--sample", whole(options.sample)},
      {"--started", real(options.started)},
  };
  if (argc < 2) fail("which workload: groups, rebalance, commits, write, read?");
  options.workload = argv[1];
  for (int i = 2; i < argc; i += 2) {
    const auto option = known.find(argv[i]);
    if (option == known.end() || i + 1 == argc) fail(std::string{"unknown option, or without its value: "} + argv[i]);
    option->second(argv[i + 1]);
  }
  return options;
}

}  // namespace sluice::bench
