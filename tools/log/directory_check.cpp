#include <algorithm>

#include "protocol/base/topic_partition.hpp"
#include "storage/segment/segment_name.hpp"
#include "tools/log/directory_contents.hpp"
#include "tools/log/dump.hpp"
#include "tools/log/partition_check.hpp"

namespace sluice::tools {
namespace {

bool is_state_file(const std::string& name) {
  return name == "meta.properties" || name.ends_with("-offset-checkpoint");
}

}  // namespace

Outcome<DirectoryContents> look_into(storage::FileSystem& fs, const std::string& directory) {
  const auto entries = fs.list(directory);
  if (!entries) return file_failure(directory, entries.error());
  const bool is_partition = std::any_of(entries->begin(), entries->end(), [](const storage::DirectoryEntry& entry) {
    return !entry.is_directory && storage::parse_segment_name(entry.name, storage::suffix::kLog);
  });
  if (is_partition) return DirectoryContents{.partitions = {directory}, .state_files = {}};
  DirectoryContents contents;
  for (const auto& entry : *entries) {
    const auto path = storage::join_path(directory, entry.name);
    if (entry.is_directory && TopicPartition::parse(entry.name)) contents.partitions.push_back(path);
    if (!entry.is_directory && is_state_file(entry.name)) contents.state_files.push_back(path);
  }
  if (contents.partitions.empty() && contents.state_files.empty()) {
    return Failure{.status = ExitStatus::not_found,
                   .message = directory + ": neither a partition's directory nor a data directory",
                   .tried = "look for .log files and for directories named TOPIC-NUMBER"};
  }
  return contents;
}

Outcome<CheckResult> check_directory(storage::FileSystem& fs, const std::string& directory,
                                     const PartitionCheck::OnBytes& on_bytes) {
  const auto contents = look_into(fs, directory);
  if (!contents) return contents.error();
  CheckResult result;
  for (const auto& path : contents->state_files) {
    if (const auto dumped = dump_file(fs, path, {}, [](const Json&) {}); !dumped)
      result.problems.push_back({.file = path, .what = dumped.error().answer});
  }
  for (const auto& path : contents->partitions) {
    PartitionCheck check{fs, path, result, on_bytes};
    if (const auto checked = check.run(); !checked) return checked.error();
  }
  return result;
}

Outcome<std::uint64_t> bytes_to_check(storage::FileSystem& fs, const std::string& directory) {
  const auto contents = look_into(fs, directory);
  if (!contents) return contents.error();
  std::uint64_t bytes = 0;
  for (const auto& partition : contents->partitions) {
    const auto entries = fs.list(partition);
    if (!entries) return file_failure(partition, entries.error());
    for (const auto& entry : *entries) {
      if (entry.is_directory || !storage::parse_segment_name(entry.name, storage::suffix::kLog)) continue;
      const auto file = fs.open(storage::join_path(partition, entry.name), storage::OpenMode::existing_read_only);
      const auto size = file ? (*file)->size() : Result<std::uint64_t>{file.error()};
      bytes += size ? *size : 0;  // the check itself will tell why not
    }
  }
  return bytes;
}

}  // namespace sluice::tools
