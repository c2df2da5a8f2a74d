#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "broker/broker.hpp"
#include "broker/config/load.hpp"

namespace {

constexpr int kUsage = 2;

using sluice::broker::config::LoadOptions;

void print_errors(const sluice::broker::config::LoadedConfig& loaded) {
  for (const auto& error : loaded.errors) std::fprintf(stderr, "sluiced: %s\n", error.line.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Sluice: a Kafka-compatible message broker. With nothing given: one node on 127.0.0.1:9092."};
  LoadOptions options;
  std::string file;
  bool print_reference = false;
  app.add_option("-c,--config", file, "Properties file; a Kafka server.properties will do")->type_name("FILE");
  app.add_option("-s,--set", options.assignments, "One setting, over the file's; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  app.add_option("-j,--join", options.join, "A node of the cluster to become part of; more may be given")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false);
  app.add_flag("--print-config-reference", print_reference, "Every setting, documented, as a properties file");
  app.set_version_flag("--version", SLUICE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (print_reference) {
    std::fputs(sluice::broker::config::render_reference().c_str(), stdout);
    return 0;
  }

  if (!file.empty()) options.file = file;
  options.cores = std::max(1U, std::thread::hardware_concurrency());
  options.data_home = sluice::broker::config::default_data_home();
  auto loaded = sluice::broker::config::load(options);
  if (!loaded.errors.empty()) {
    print_errors(loaded);
    return kUsage;
  }
  return sluice::broker::run_until_signalled(std::move(loaded));
}
