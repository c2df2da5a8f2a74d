#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/fs/fault_plan.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::test {

/// The operating system's files, of which writes, syncs and renames fail as planned, or hang.
class FaultyFiles final : public storage::FileSystem {
 public:
  void inject(storage::Fault fault);
  void clear();
  /// Syncs of files return no more, until they are let go.
  void hang_syncs();
  void let_go();

  Result<std::unique_ptr<storage::File>> open(const std::string& path, storage::OpenMode mode) override;
  Result<bool> exists(const std::string& path) override { return files_.exists(path); }
  Result<std::vector<storage::DirectoryEntry>> list(const std::string& directory) override {
    return files_.list(directory);
  }
  Result<> create_directories(const std::string& path) override { return files_.create_directories(path); }
  Result<> rename(const std::string& from, const std::string& to) override;
  Result<> remove(const std::string& path) override { return files_.remove(path); }
  Result<> remove_all(const std::string& directory) override { return files_.remove_all(directory); }
  Result<> sync_directory(const std::string& path) override;
  Result<> sync_file_system(const std::string& path) override;
  Result<Space> space(const std::string& path) override { return files_.space(path); }

  /// What the plan says of a call.
  Result<> check(storage::Operation operation, const std::string& path);

 private:
  storage::FileSystem& files_ = storage::posix_file_system();
  std::mutex mutex_;
  storage::FaultPlan plan_;
  bool hangs_ = false;
  std::condition_variable let_go_;
};

}  // namespace sluice::test
