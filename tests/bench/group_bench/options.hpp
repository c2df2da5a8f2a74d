#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sluice::bench {

struct Options {
  std::string workload;
  std::string host = "127.0.0.1";
  std::uint16_t port = 9092;
  int server_pid = 0;  ///< of the server, for its CPU and memory; 0: not asked
  bool consumer_protocol = false;
  int groups = 1000;
  int members = 3;
  int partitions = 3;
  int heartbeat_ms = 3000;  ///< of classic members; the others do as the coordinator tells
  int rounds = 5;
  int connections = 256;
  int in_flight = 1;  ///< on each connection, where the load is as high as it goes
  double rate = 20'000;
  double seconds = 10;
  int sample = 100;
  double started = 0;  ///< by the steady clock: when the server's process began
};

/// Ends the program when they can't be understood.
Options parse_options(int argc, char** argv);

}  // namespace sluice::bench
