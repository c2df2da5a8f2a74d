#include "storage/data_directory/data_directory.hpp"

#include <fmt/format.h>

#include "storage/checkpoint/clean_shutdown.hpp"

namespace sluice::storage {
namespace {

constexpr std::string_view kRetiredSuffix = "-delete";
constexpr std::string_view kStraySuffix = "-stray";
constexpr std::string_view kFutureSuffix = "-future";

/// Makes `path` and the directories above it that are missing, all of them durable: what is synced inside would else be
/// lost with them.
Result<> make_directory(FileSystem& fs, const std::string& path) {
  std::vector<std::string> parents;  // of those that are missing
  for (auto missing = path;; missing = parents.back()) {
    const auto there = fs.exists(missing);
    if (!there) return there.error();
    if (*there || parent_path(missing) == missing) break;
    parents.push_back(parent_path(missing));
  }
  if (const auto made = fs.create_directories(path); !made) return made;
  for (const auto& parent : parents) {
    if (const auto synced = fs.sync_directory(parent); !synced) return synced;
  }
  return {};
}

/// The partition in `<topic>-<n>.<anything><suffix>`. A topic's name may have dots, so may what it looks like.
std::optional<TopicPartition> parse_marked(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return std::nullopt;
  const auto dot = name.rfind('.');
  return dot == name.npos ? std::nullopt : TopicPartition::parse(name.substr(0, dot));
}

bool is_retired(std::string_view name) { return name.ends_with(kRetiredSuffix) && name.find('.') != name.npos; }

}  // namespace

Result<DataDirectory> DataDirectory::open(FileSystem& fs, std::string path, bool lock_it) {
  if (const auto made = make_directory(fs, path); !made) return made.error();
  std::optional<DirectoryLock> lock;
  if (lock_it) {
    auto acquired = DirectoryLock::acquire(path);
    if (!acquired) return acquired.error();
    lock = std::move(*acquired);
  }
  DataDirectory directory{fs, std::move(path), std::move(lock)};
  const auto meta_path = join_path(directory.path_, kMetaPropertiesFile);
  const auto formatted = fs.exists(meta_path);
  if (!formatted) return formatted.error();
  if (*formatted) {
    auto meta = read_meta_properties(fs, meta_path);
    if (!meta) return meta.error();
    directory.meta_ = std::move(*meta);
  }
  return directory;
}

Result<> DataDirectory::claim(const MetaProperties& meta) {
  if (meta_ == meta) return {};
  if (const auto written = write_meta_properties(*fs_, join_path(path_, kMetaPropertiesFile), meta); !written) {
    return written.error();
  }
  meta_ = meta;
  return {};
}

Result<> DataDirectory::adopt(const std::string& cluster_id) {
  auto meta = meta_.value();
  meta.cluster_id = cluster_id;
  if (const auto written = write_meta_properties(*fs_, join_path(path_, kMetaPropertiesFile), meta); !written) {
    return written.error();
  }
  meta_->cluster_id = std::move(meta.cluster_id);
  return {};
}

Result<bool> DataDirectory::take_clean_shutdown() {
  const auto mark = read_clean_shutdown(*fs_, path_);
  if (!mark) return {boost::system::in_place_error, mark.error()};
  if (!*mark) return false;
  if (const auto removed = remove_clean_shutdown(*fs_, path_); !removed) {
    return {boost::system::in_place_error, removed.error()};
  }
  return true;
}

Result<> DataDirectory::leave_clean_shutdown() { return write_clean_shutdown(*fs_, path_, kNoBrokerEpoch); }

Result<OffsetCheckpoint> DataDirectory::read_checkpoint(std::string_view file) const {
  auto offsets = read_offset_checkpoint(*fs_, join_path(path_, file));
  if (!offsets && offsets.error() == std::errc::no_such_file_or_directory) return OffsetCheckpoint{};
  return offsets;
}

Result<> DataDirectory::write_checkpoint(std::string_view file, const OffsetCheckpoint& offsets) {
  return write_offset_checkpoint(*fs_, join_path(path_, file), offsets);
}

Result<std::vector<DataDirectory::PartitionDirectory>> DataDirectory::partitions() const {
  const auto entries = fs_->list(path_);
  if (!entries) return entries.error();
  std::vector<PartitionDirectory> found;
  for (const auto& entry : *entries) {
    if (!entry.is_directory || is_retired(entry.name)) continue;
    if (auto partition = TopicPartition::parse(entry.name)) {
      found.push_back({std::move(*partition), join_path(path_, entry.name)});
    }
  }
  return found;
}

Result<std::vector<std::string>> DataDirectory::retired() const {
  const auto entries = fs_->list(path_);
  if (!entries) return entries.error();
  std::vector<std::string> found;
  for (const auto& entry : *entries) {
    if (entry.is_directory && is_retired(entry.name)) found.push_back(join_path(path_, entry.name));
  }
  return found;
}

Result<std::vector<DataDirectory::PartitionDirectory>> DataDirectory::futures() const {
  const auto entries = fs_->list(path_);
  if (!entries) return entries.error();
  std::vector<PartitionDirectory> found;
  for (const auto& entry : *entries) {
    if (!entry.is_directory) continue;
    if (auto partition = parse_marked(entry.name, kFutureSuffix)) {
      found.push_back({std::move(*partition), join_path(path_, entry.name)});
    }
  }
  return found;
}

namespace {

std::string unique_name(const TopicPartition& partition, std::string_view suffix) {
  std::string hex;
  const auto id = Uuid::random();
  for (const auto byte : id.bytes()) hex += fmt::format("{:02x}", byte);
  return fmt::format("{}.{}{}", partition.to_string(), hex, suffix);
}

}  // namespace

std::string retired_name(const TopicPartition& partition) { return unique_name(partition, kRetiredSuffix); }
std::string future_name(const TopicPartition& partition) { return unique_name(partition, kFutureSuffix); }
std::string stray_name(const TopicPartition& partition) { return unique_name(partition, kStraySuffix); }

}  // namespace sluice::storage
