// Load of consumer groups on one broker of the Kafka protocol: what members and committed offsets cost it. One thread,
// any number of connections. Prints one JSON line.
//
//   group_bench groups    --broker HOST:PORT [--protocol classic|consumer] [--groups 1000] [--members 3] [--seconds 10]
//   group_bench rebalance --broker HOST:PORT [--protocol ...] --members 500 --partitions 1000 [--rounds 5]
//   group_bench commits   --broker HOST:PORT [--rate 20000] [--groups 1000] [--connections 256] [--in-flight 1]
//   group_bench write     --broker HOST:PORT --groups 1000 --partitions 1000
//   group_bench read      --broker HOST:PORT --groups 1000 --partitions 1000 --started SECONDS [--sample 100]
//
// With --server-pid also what the server's process took. Members of the classic protocol send heartbeats every
// --heartbeat-ms. `read` expects what `write` left; SECONDS is when the server was started, by the monotonic clock.
#include <cstdio>
#include <map>

#include "tests/bench/group_bench/options.hpp"
#include "tests/bench/group_bench/request_loop.hpp"
#include "tests/bench/group_bench/workloads.hpp"

int main(int argc, char** argv) {
  using namespace sluice::bench;
  const std::map<std::string, Figures (*)(const Options&)> workloads{{"groups", run_groups},
                                                                     {"rebalance", run_rebalance},
                                                                     {"commits", run_commits},
                                                                     {"write", run_write},
                                                                     {"read", run_read}};
  const auto options = parse_options(argc, argv);
  const auto workload = workloads.find(options.workload);
  if (workload == workloads.end()) fail("no such workload: " + options.workload);
  const char* separator = "{";
  for (const auto& [name, figure] : workload->second(options)) {
    std::printf("%s\"%s\": %.6g", separator, name.c_str(), figure);
    separator = ", ";
  }
  std::puts("}");
  return 0;
}
