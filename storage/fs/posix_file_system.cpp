#include <algorithm>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "storage/fs/file_system.hpp"
#include "storage/fs/posix_file.hpp"
#include "storage/fs/uncached_file.hpp"

namespace sluice::storage {
namespace {

int open_flags(OpenMode mode) noexcept {
  switch (mode) {
    case OpenMode::existing: return O_RDWR;
    case OpenMode::create: return O_RDWR | O_CREAT;
    case OpenMode::create_new: return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::existing_read_only:
    case OpenMode::uncached_read_only: return O_RDONLY;
  }
  return O_RDONLY;
}

/// std::filesystem reports errno in the generic category.
std::error_code as_system_error(std::error_code error) noexcept { return {error.value(), std::system_category()}; }

bool is_directory(DIR* parent, const dirent& entry) noexcept {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct stat status;
  return ::fstatat(::dirfd(parent), entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    if (mode == OpenMode::uncached_read_only) return UncachedFile::open(path);
    auto descriptor = open_descriptor(path, open_flags(mode));
    if (!descriptor) return descriptor.error();
    return std::unique_ptr<File>{std::make_unique<PosixFile>(std::move(*descriptor))};
  }

  Result<bool> exists(const std::string& path) override {
    struct stat status;
    if (::stat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return {boost::system::in_place_error, last_system_error()};  // named: an error_code would pass for a bool
  }

  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream{::opendir(directory.c_str()), ::closedir};
    if (!stream) return last_system_error();
    std::vector<DirectoryEntry> entries;
    for (;;) {
      errno = 0;  // readdir returns null at the end and on failure
      const dirent* entry = ::readdir(stream.get());
      if (!entry) break;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") entries.push_back({std::string{name}, is_directory(stream.get(), *entry)});
    }
    if (errno != 0) return last_system_error();
    std::sort(entries.begin(), entries.end(),
              [](const auto& left, const auto& right) { return left.name < right.name; });
    return entries;
  }

  Result<> create_directories(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return as_system_error(error);
    return {};
  }

  Result<> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return last_system_error();
    return {};
  }

  Result<> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return last_system_error();
    return {};
  }

  Result<> remove_all(const std::string& directory) override {
    std::error_code error;
    std::filesystem::remove_all(directory, error);
    if (error) return as_system_error(error);
    return {};
  }

  Result<> sync_directory(const std::string& path) override {
    const auto directory = open_descriptor(path, O_RDONLY | O_DIRECTORY);
    if (!directory) return directory.error();
    if (::fsync(directory->get()) != 0) return last_system_error();
    return {};
  }

  Result<> sync_file_system(const std::string& path) override {
    const auto directory = open_descriptor(path, O_RDONLY | O_DIRECTORY);
    if (!directory) return directory.error();
    if (::syncfs(directory->get()) != 0) return last_system_error();
    return {};
  }

  Result<Space> space(const std::string& path) override {
    struct statvfs status;
    if (::statvfs(path.c_str(), &status) != 0) return last_system_error();
    const std::uint64_t block_bytes = status.f_frsize;
    return Space{.total = status.f_blocks * block_bytes, .available = status.f_bavail * block_bytes};
  }
};

}  // namespace

FileSystem& posix_file_system() noexcept {
  static PosixFileSystem system;
  return system;
}

}  // namespace sluice::storage
