#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <optional>

#include "storage/checkpoint/directory_lock.hpp"
#include "storage/errc.hpp"
#include "tools/cli/progress.hpp"
#include "tools/cli/table.hpp"
#include "tools/commands/commands.hpp"
#include "tools/log/dump.hpp"
#include "tools/log/partition_check.hpp"
#include "tools/log/rebuild_index.hpp"

namespace sluice::tools {
namespace {

struct LogRebuildIndex {
  std::string directory;
  RebuildOptions rebuild;
};

/// The lock of the data directory that `directory` is, or is in; none where a broker never was.
Outcome<std::optional<storage::DirectoryLock>> lock(storage::FileSystem& fs, std::string directory) {
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  for (const auto& candidate : {directory, storage::parent_path(directory)}) {
    const auto used = fs.exists(storage::join_path(candidate, storage::kDirectoryLockFile));
    if (!used || !*used) continue;
    auto held = storage::DirectoryLock::acquire(candidate);
    if (held) return std::optional{std::move(*held)};
    if (held.error() != storage::Errc::directory_locked) return file_failure(candidate, held.error());
    return Failure{.message = candidate + " is in use",
                   .tried = "lock the data directory",
                   .answer = held.error().message(),
                   .next = "stop the broker first; it makes indexes anew by itself when they are in doubt"};
  }
  return std::optional<storage::DirectoryLock>{};
}

std::string what_happened(const RebuiltIndex& index) {
  if (index.was_missing) return "written";
  return index.changed ? "replaced" : "unchanged";
}

Outcome<> run(const LogRebuildIndex& options, const Globals& globals) {
  auto& fs = storage::posix_file_system();
  const auto held = lock(fs, options.directory);
  if (!held) return held.error();
  const auto bytes = bytes_to_check(fs, options.directory);
  if (!bytes) return bytes.error();
  Table table{{"file", "entries_before", "entries", "result", "damaged_bytes"}};
  std::size_t files = 0;
  std::size_t changed = 0;
  const auto rebuilt = [&] {
    Progress progress{options.directory, *bytes, globals.quiet};
    return rebuild_indexes(
        fs, options.directory, options.rebuild,
        [&](const RebuiltIndex& index) {
          ++files;
          if (index.changed) ++changed;
          if (!index.changed && index.damaged_bytes == 0 && globals.output == OutputFormat::table) return;
          table.add({index.file, index.entries_before, index.entries, what_happened(index), index.damaged_bytes});
        },
        [&](std::uint64_t done) { progress.advance(done); });
  }();
  if (!rebuilt) return rebuilt;
  if (globals.output != OutputFormat::table || changed > 0) table.print(globals.output);
  if (globals.output == OutputFormat::table)
    std::fputs(fmt::format("{} index files, {} changed\n", files, changed).c_str(), stdout);
  return {};
}

}  // namespace

void add_log_rebuild_index(CLI::App& log, const Globals& globals, Command& chosen) {
  auto* command = log.add_subcommand(
      "rebuild-index", "Makes the offset and time indexes of a partition or a data directory anew; no broker may run");
  const auto options = std::make_shared<LogRebuildIndex>();
  command->add_option("DIRECTORY", options->directory, "A partition's directory, or a data directory")->required();
  command
      ->add_option("--index-interval-bytes", options->rebuild.index_interval_bytes,
                   "Bytes between entries, as the topic's index.interval.bytes")
      ->capture_default_str();
  command->callback([options, &globals, &chosen] { chosen = [options, &globals] { return run(*options, globals); }; });
}

}  // namespace sluice::tools
