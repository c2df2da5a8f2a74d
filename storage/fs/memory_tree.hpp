#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.hpp"
#include "storage/fs/crash_dice.hpp"
#include "storage/fs/memory_file.hpp"

namespace sluice::storage {

struct MemoryDirectory;

/// What a name stands for: exactly one of the two.
struct MemoryEntry {
  std::shared_ptr<MemoryDirectory> directory;
  std::shared_ptr<MemoryFile> file;
};

struct MemoryDirectory {
  using Entries = std::map<std::string, MemoryEntry, std::less<>>;

  Entries entries;
  Entries durable;  // what the disk holds
};

/// The directories of a file system in memory. A change of names is durable once the directory is synced; within
/// one directory changes reach the disk in order, across directories in any. Not thread-safe: its owner locks.
class MemoryTree {
 public:
  MemoryTree() : root_(std::make_shared<MemoryDirectory>()) {}

  /// Errors, here and below: ENOENT, ENOTDIR, and those of the system call of the same name.
  Result<MemoryEntry> find(std::string_view path) const;
  Result<std::shared_ptr<MemoryDirectory>> find_directory(std::string_view path) const;

  /// Pre: `path` does not exist.
  Result<> link(std::string_view path, MemoryEntry entry);
  Result<> create_directories(std::string_view path);
  Result<> rename(std::string_view from, std::string_view to);
  Result<> remove(std::string_view path);
  Result<> remove_all(std::string_view path);
  Result<> sync(std::string_view path);
  void sync_all();  ///< names and contents

  /// Power off and on again: only what survives is there, in new files.
  void crash(MemoryDisk& disk, CrashDice& dice);

 private:
  using Directory = std::shared_ptr<MemoryDirectory>;

  struct Place {
    Directory directory;
    std::string name;
  };
  struct Edit {
    std::weak_ptr<MemoryDirectory> directory;  // gone: nothing on the disk refers to it any more
    std::string name;
    std::optional<MemoryEntry> entry;  // none: the name goes
  };
  using Change = std::vector<Edit>;  // atomic

  Result<Place> place_of(std::string_view path) const;
  void edit(std::vector<std::pair<Place, std::optional<MemoryEntry>>> edits);
  void remove_contents(const Directory& directory);
  static void apply(const Change& change);
  void forget_unreachable();

  Directory root_;
  std::deque<Change> unsynced_;
};

}  // namespace sluice::storage
