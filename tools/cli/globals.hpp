#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "tools/cli/failure.hpp"

namespace CLI {
class App;
}

namespace sluice::tools {

enum class OutputFormat { table, json, plain };

/// What is given before or after any command.
struct Globals {
  std::vector<std::string> brokers{"127.0.0.1:9092"};
  OutputFormat output = OutputFormat::table;
  std::chrono::milliseconds timeout = std::chrono::seconds{30};
  bool yes = false;
  bool quiet = false;
};

/// What the chosen command does, set while the command line is parsed.
using Command = std::function<Outcome<>()>;

}  // namespace sluice::tools
