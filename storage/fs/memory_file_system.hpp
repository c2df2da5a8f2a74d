#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "storage/fs/crash_dice.hpp"
#include "storage/fs/fault_plan.hpp"
#include "storage/fs/file_system.hpp"
#include "storage/fs/memory_file.hpp"
#include "storage/fs/memory_tree.hpp"

namespace sluice::storage {

/// A disk for tests and simulations: remembers what was synced and what was not, fails calls as planned, and loses
/// power. The same calls, faults and seed give the same outcome. A relative path starts at the root.
///
/// Lives at least as long as its files. Threading: any; one lock for all.
class MemoryFileSystem final : public FileSystem {
 public:
  static constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 40;

  /// `file_bytes_max` of addresses are set aside for each file, which can't grow beyond.
  explicit MemoryFileSystem(std::uint64_t file_bytes_max = std::uint64_t{256} << 20);

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
  Result<> create_directories(const std::string& path) override;
  Result<> rename(const std::string& from, const std::string& to) override;
  Result<> remove(const std::string& path) override;
  Result<> remove_all(const std::string& directory) override;
  Result<> sync_directory(const std::string& path) override;
  Result<> sync_file_system(const std::string& path) override;
  Result<Space> space(const std::string& path) override;

  /// The calls made so far that can fail, those that did included.
  std::uint64_t calls() const;
  void inject(Fault fault);
  /// The call numbered `call` fails; 1 is the first after construction. Past calls can't be chosen.
  void fail_at(std::uint64_t call, int error);
  /// So do all that follow: nothing reaches the disk any more, as if the machine had stopped. Then crash() it.
  void fail_from(std::uint64_t call, int error);
  void clear_faults();
  /// While suspended, calls neither fail nor count: those of a test that looks at the disk as it is.
  void suspend_faults(bool suspended);
  void set_capacity(std::uint64_t bytes);  ///< of all files together; less than is used: none is left

  /// Loses power and comes back: what was not synced survives as the policy has it; files and mappings that were
  /// open are dead, their calls fail with EBADF. Faults stay planned.
  void crash(CrashPolicy policy, std::uint64_t seed = 0);

 private:
  friend class MemoryFileHandle;
  friend class MemoryMapping;

  std::error_code check(Operation operation, const std::string& path);
  void plan(std::uint64_t call, std::uint64_t repeat, int error);

  mutable std::mutex mutex_;
  MemoryDisk disk_;
  MemoryTree tree_;  // its files count in disk_
  FaultPlan faults_;
  std::uint64_t generation_ = 0;  // of files and mappings: those of an earlier one died in a crash
};

}  // namespace sluice::storage
