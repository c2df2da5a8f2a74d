#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "tools/commands/commands.hpp"
#include "tools/log/dump.hpp"

namespace sluice::tools {
namespace {

struct LogDump {
  std::vector<std::string> files;
  DumpOptions dump;
};

/// "name=value name=value", strings in quotes where they would not be told apart.
std::string in_one_line(const Json& item) {
  std::string line;
  for (const auto& [name, value] : item.items()) {
    line += (line.empty() ? "" : " ") + name + '=';
    const bool plain = value.is_string() && !value.get_ref<const std::string&>().empty() &&
                       value.get_ref<const std::string&>().find_first_of(" \"\\=") == std::string::npos;
    line += plain ? value.get<std::string>() : to_line(value);
  }
  return line;
}

void print_item(const std::string& file, const Json& item, OutputFormat format) {
  if (format != OutputFormat::json) {
    std::fputs((in_one_line(item) + '\n').c_str(), stdout);
    return;
  }
  Json named{{"file", file}};
  named.update(item);
  std::fputs((to_line(named) + '\n').c_str(), stdout);
}

Outcome<> run(const LogDump& options, const Globals& globals) {
  for (const auto& file : options.files) {
    if (globals.output == OutputFormat::table) std::fputs((file + ":\n").c_str(), stdout);
    const auto sink = [&](const Json& item) { print_item(file, item, globals.output); };
    if (const auto dumped = dump_file(storage::posix_file_system(), file, options.dump, sink); !dumped) return dumped;
  }
  return {};
}

}  // namespace

void add_log_dump(CLI::App& log, const Globals& globals, Command& chosen) {
  auto* command = log.add_subcommand(
      "dump",
      "Prints files of a data directory: .log, .index, .timeindex, .txnindex, .snapshot, checkpoints, properties");
  const auto options = std::make_shared<LogDump>();
  command->add_option("FILE", options->files, "Files to print")->required();
  command->add_flag("--records", options->dump.records, "The records of each batch too");
  command->callback([options, &globals, &chosen] { chosen = [options, &globals] { return run(*options, globals); }; });
}

}  // namespace sluice::tools
