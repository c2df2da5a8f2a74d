#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>

#include "tools/cli/failure_printer.hpp"
#include "tools/cli/globals.hpp"
#include "tools/commands/commands.hpp"

namespace {

using sluice::tools::Command;
using sluice::tools::ExitStatus;
using sluice::tools::Globals;
using sluice::tools::OutputFormat;

constexpr auto kDescription = R"(The command line of Sluice.

  sluice topic create orders -p 6
  sluice topic describe orders -b broker1:9092,broker2:9092 -o json
  sluice log verify /var/lib/sluice)";

const std::map<std::string, OutputFormat> kFormats{
    {"table", OutputFormat::table}, {"json", OutputFormat::json}, {"plain", OutputFormat::plain}};

void add_globals(CLI::App& app, Globals& globals) {
  app.add_option("-b,--brokers", globals.brokers, "Brokers to ask, the first that answers")
      ->type_name("HOST:PORT,...")
      ->envname("SLUICE_BROKERS")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option_function<std::string>(
         "-o,--output", [&globals](const std::string& name) { globals.output = kFormats.at(name); },
         "table, json, or plain: separated by tabs, without a header")
      ->envname("SLUICE_OUTPUT")
      ->type_name("FORMAT")
      ->default_str("table")
      ->check([](const std::string& name) {
        return kFormats.contains(name) ? std::string{} : name + " is none of table, json, plain";
      });
  app.add_option_function<std::string>(
         "--timeout",
         [&globals](const std::string& text) {
           const auto in_ms =
               CLI::AsNumberWithUnit(std::map<std::string, std::int64_t>{{"ms", 1}, {"s", 1000}, {"m", 60'000}});
           std::string value = text;
           if (const auto wrong = in_ms(value); !wrong.empty()) throw CLI::ValidationError("--timeout", wrong);
           globals.timeout = std::chrono::milliseconds{std::stoll(value)};
         },
         "For each broker and request, as in 500ms, 30s, 2m")
      ->type_name("TIME")
      ->default_str("30s");
  app.add_flag("-y,--yes", globals.yes, "Does not ask");
  app.add_flag("-q,--quiet", globals.quiet, "No progress");
}

CLI::App& add_noun(CLI::App& app, const std::string& name, const std::string& description) {
  auto* noun = app.add_subcommand(name, description);
  noun->require_subcommand(1);
  return *noun;
}

void add_commands(CLI::App& app, const Globals& globals, Command& chosen) {
  using namespace sluice::tools;
  auto& topic = add_noun(app, "topic", "Topics of a cluster");
  add_topic_list(topic, globals, chosen);
  add_topic_create(topic, globals, chosen);
  add_topic_describe(topic, globals, chosen);
  add_topic_delete(topic, globals, chosen);
  auto& cluster = add_noun(app, "cluster", "The cluster itself");
  add_cluster_status(cluster, globals, chosen);
  add_cluster_quorum(cluster, globals, chosen);
  add_cluster_voters(cluster, globals, chosen);
  add_cluster_elect(cluster, globals, chosen);
  add_cluster_forget(cluster, globals, chosen);
  add_cluster_snapshot(cluster, globals, chosen);
  auto& log = add_noun(app, "log", "Files of a data directory, without a broker");
  add_log_dump(log, globals, chosen);
  add_log_verify(log, globals, chosen);
  add_log_rebuild_index(log, globals, chosen);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{kDescription, "sluice"};
  Globals globals;
  Command chosen;
  app.fallthrough();  // global options may stand anywhere
  app.require_subcommand(1);
  app.set_version_flag("--version", "sluice " SLUICE_VERSION);
  add_globals(app, globals);
  add_commands(app, globals, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitStatus::usage);
  }
  if (const auto outcome = chosen(); !outcome) {
    sluice::tools::print_failure(outcome.error(), globals.output);
    return static_cast<int>(outcome.error().status);
  }
  return std::fflush(stdout) == 0 ? 0 : static_cast<int>(ExitStatus::failed);
}
