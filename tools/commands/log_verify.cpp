#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <memory>

#include "tools/cli/progress.hpp"
#include "tools/cli/table.hpp"
#include "tools/commands/commands.hpp"
#include "tools/log/partition_check.hpp"

namespace sluice::tools {
namespace {

Table problems_of(const CheckResult& result) {
  Table table{{"file", "offset", "position", "problem"}};
  for (const auto& problem : result.problems) {
    table.add({problem.file, problem.offset ? Json(*problem.offset) : Json{},
               problem.position ? Json(*problem.position) : Json{}, problem.what});
  }
  return table;
}

std::string count_of(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : noun.ends_with("ch") ? "es" : "s");
}

void print_json(const CheckResult& result) {
  const Json all{{"partitions", result.partitions},
                 {"segments", result.segments},
                 {"batches", result.batches},
                 {"records", result.records},
                 {"bytes", result.bytes},
                 {"missing_offsets", result.missing_offsets},
                 {"problems", problems_of(result).to_json()}};
  std::fputs((to_line(all) + '\n').c_str(), stdout);
}

void print_summary(const CheckResult& result) {
  auto line = fmt::format("{}, {}, {}, {}, {}: {}\n", count_of(result.partitions, "partition"),
                          count_of(result.segments, "segment"), count_of(result.batches, "batch"),
                          count_of(result.records, "record"), human_bytes(result.bytes),
                          count_of(result.problems.size(), "problem"));
  if (result.missing_offsets > 0)
    line += count_of(result.missing_offsets, "offset") + " missing between batches, as after compaction\n";
  std::fputs(line.c_str(), stdout);
}

Outcome<> run(const std::string& directory, const Globals& globals) {
  auto& fs = storage::posix_file_system();
  const auto bytes = bytes_to_check(fs, directory);
  if (!bytes) return bytes.error();
  Outcome<CheckResult> result = [&] {
    Progress progress{directory, *bytes, globals.quiet};
    return check_directory(fs, directory, [&](std::uint64_t done) { progress.advance(done); });
  }();
  if (!result) return result.error();
  if (globals.output == OutputFormat::json) {
    print_json(*result);
  } else {
    if (!result->problems.empty()) problems_of(*result).print(globals.output);
    if (globals.output == OutputFormat::table) print_summary(*result);
  }
  if (result->problems.empty()) return {};
  return Failure{.status = ExitStatus::check_failed,
                 .message = fmt::format("{}: {}", directory, count_of(result->problems.size(), "problem")),
                 .tried = "check every batch, index and checkpoint",
                 .answer = result->problems.front().file + ": " + result->problems.front().what,
                 .next = "sluice log dump FILE shows what is there"};
}

}  // namespace

void add_log_verify(CLI::App& log, const Globals& globals, Command& chosen) {
  auto* command = log.add_subcommand(
      "verify", "Checks a partition's directory, or a data directory with all of them, that no broker writes to");
  const auto directory = std::make_shared<std::string>();
  command->add_option("DIRECTORY", *directory, "What to check; nothing in it is changed")->required();
  command->callback(
      [directory, &globals, &chosen] { chosen = [directory, &globals] { return run(*directory, globals); }; });
}

}  // namespace sluice::tools
