#include "storage/fs/memory_file_system.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "protocol/base/assert.hpp"

namespace sluice::storage {
namespace {

using Lock = std::lock_guard<std::mutex>;

std::error_code system_error(int error) noexcept { return {error, std::system_category()}; }

std::vector<std::byte> concatenated(std::span<const ByteView> parts) {
  std::vector<std::byte> bytes;
  for (const auto part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

}  // namespace

/// What open files and mappings have in common: their file, and whether a crash has parted them from it.
class MemoryFileReference {
 public:
  MemoryFileReference(MemoryFileSystem& fs, std::shared_ptr<MemoryFile> file, std::string path,
                      std::uint64_t generation)
      : fs(fs), file(std::move(file)), path(std::move(path)), generation(generation) {}

  MemoryFileSystem& fs;
  const std::shared_ptr<MemoryFile> file;
  const std::string path;  // under which it was opened, for faults
  const std::uint64_t generation;
};

class MemoryMapping final : public Mapping {
 public:
  MemoryMapping(MemoryFileReference reference, std::size_t size) : self_(std::move(reference)), size_(size) {}

  MutableBytes bytes() noexcept override { return {self_.file->mapped_bytes(), size_}; }

  Result<> sync() override {
    const Lock lock{self_.fs.mutex_};
    if (self_.generation != self_.fs.generation_) return system_error(EBADF);
    if (const auto error = self_.fs.check(Operation::sync, self_.path)) {
      self_.file->forget_unsynced();
      return error;
    }
    self_.file->sync();
    return {};
  }

 private:
  MemoryFileReference self_;
  std::size_t size_;
};

class MemoryFileHandle final : public File {
 public:
  MemoryFileHandle(MemoryFileReference reference, bool writable) : self_(std::move(reference)), writable_(writable) {}

  Result<std::size_t> read_at(std::uint64_t position, MutableBytes into) const override {
    const Lock lock{self_.fs.mutex_};
    if (const auto error = check(Operation::read)) return {boost::system::in_place_error, error};
    return self_.file->read(position, into);
  }

  using File::write_at;
  Result<> write_at(std::uint64_t position, std::span<const ByteView> parts) override {
    const Lock lock{self_.fs.mutex_};
    if (is_dead() || !writable_) return system_error(EBADF);
    auto bytes = concatenated(parts);
    if (const auto fault = self_.fs.faults_.on_call(Operation::write, self_.path)) {
      bytes.resize(std::min(bytes.size(), fault->stored_bytes));
      if (!bytes.empty()) (void)self_.file->write(position, std::move(bytes));  // it fails in any case
      return system_error(fault->error);
    }
    return self_.file->write(position, std::move(bytes));
  }

  Result<std::uint64_t> size() const override {
    const Lock lock{self_.fs.mutex_};
    if (is_dead()) return system_error(EBADF);
    return self_.file->size();
  }

  Result<> truncate(std::uint64_t size) override {
    const Lock lock{self_.fs.mutex_};
    if (const auto error = check(Operation::truncate)) return error;
    if (!writable_) return system_error(EINVAL);
    return self_.file->truncate(size);
  }

  Result<> reserve(std::uint64_t size) override {
    const Lock lock{self_.fs.mutex_};
    if (const auto error = check(Operation::reserve)) return error;
    if (!writable_) return system_error(EBADF);
    return self_.file->reserve(size);
  }

  Result<> sync_data() override {
    const Lock lock{self_.fs.mutex_};
    if (is_dead()) return system_error(EBADF);
    if (const auto error = check(Operation::sync)) {
      self_.file->forget_unsynced();
      return error;
    }
    self_.file->sync();
    return {};
  }

  Result<std::unique_ptr<Mapping>> map(std::uint64_t size, Access access) override {
    const Lock lock{self_.fs.mutex_};
    if (const auto error = check(Operation::map)) return error;
    if (size == 0 || size > self_.file->size()) return system_error(EINVAL);
    if (access == Access::read_write) {
      if (!writable_) return system_error(EACCES);
      self_.file->track_mapped_writes();
    }
    return std::unique_ptr<Mapping>{std::make_unique<MemoryMapping>(self_, size)};
  }

  int descriptor() const noexcept override { return -1; }

 private:
  bool is_dead() const noexcept { return self_.generation != self_.fs.generation_; }
  std::error_code check(Operation operation) const {
    return is_dead() ? system_error(EBADF) : self_.fs.check(operation, self_.path);
  }

  MemoryFileReference self_;
  bool writable_;
};

MemoryFileSystem::MemoryFileSystem(std::uint64_t file_bytes_max)
    : disk_{.file_bytes_max = file_bytes_max, .capacity = kUnlimited} {}

std::error_code MemoryFileSystem::check(Operation operation, const std::string& path) {
  const auto fault = faults_.on_call(operation, path);
  return fault ? system_error(fault->error) : std::error_code{};
}

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, OpenMode mode) {
  const Lock lock{mutex_};
  if (const auto error = check(Operation::open, path)) return error;
  const auto found = tree_.find(path);
  if (found && mode == OpenMode::create_new) return system_error(EEXIST);
  if (found && found->directory) return system_error(EISDIR);
  std::shared_ptr<MemoryFile> file;
  if (found) {
    file = found->file;
  } else {
    const bool creates = mode == OpenMode::create || mode == OpenMode::create_new;
    if (!creates || found.error() != std::errc::no_such_file_or_directory) return found.error();
    file = std::make_shared<MemoryFile>(disk_);
    if (const auto linked = tree_.link(path, {nullptr, file}); !linked) return linked.error();
  }
  const bool writable = mode != OpenMode::existing_read_only && mode != OpenMode::uncached_read_only;
  return std::unique_ptr<File>{
      std::make_unique<MemoryFileHandle>(MemoryFileReference{*this, std::move(file), path, generation_}, writable)};
}

Result<bool> MemoryFileSystem::exists(const std::string& path) {
  const Lock lock{mutex_};
  if (const auto error = check(Operation::exists, path)) return {boost::system::in_place_error, error};
  return tree_.find(path).has_value();
}

Result<std::vector<DirectoryEntry>> MemoryFileSystem::list(const std::string& directory) {
  const Lock lock{mutex_};
  if (const auto error = check(Operation::list, directory)) return error;
  const auto found = tree_.find_directory(directory);
  if (!found) return found.error();
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, entry] : (*found)->entries) entries.push_back({name, entry.directory != nullptr});
  return entries;
}

Result<> MemoryFileSystem::create_directories(const std::string& path) {
  const Lock lock{mutex_};
  if (const auto error = check(Operation::create_directories, path)) return error;
  return tree_.create_directories(path);
}

Result<> MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  const Lock lock{mutex_};
  if (const auto error = check(Operation::rename, from)) return error;
  return tree_.rename(from, to);
}

Result<> MemoryFileSystem::remove(const std::string& path) {
  const Lock lock{mutex_};
  if (const auto error = check(Operation::remove, path)) return error;
  return tree_.remove(path);
}

Result<> MemoryFileSystem::remove_all(const std::string& directory) {
  const Lock lock{mutex_};
  if (const auto error = check(Operation::remove, directory)) return error;
  return tree_.remove_all(directory);
}

Result<> MemoryFileSystem::sync_directory(const std::string& path) {
  const Lock lock{mutex_};
  if (const auto error = check(Operation::sync_directory, path)) return error;
  return tree_.sync(path);
}

Result<> MemoryFileSystem::sync_file_system(const std::string& path) {
  const Lock lock{mutex_};
  if (const auto error = check(Operation::sync, path)) return error;
  tree_.sync_all();
  return {};
}

Result<FileSystem::Space> MemoryFileSystem::space(const std::string& path) {
  const Lock lock{mutex_};
  if (const auto error = check(Operation::space, path)) return error;
  if (const auto found = tree_.find(path); !found) return found.error();
  const auto capacity = disk_.capacity.load();
  const auto used = disk_.used.load();
  return Space{.total = capacity, .available = capacity > used ? capacity - used : 0};
}

std::uint64_t MemoryFileSystem::calls() const {
  const Lock lock{mutex_};
  return faults_.calls();
}

void MemoryFileSystem::inject(Fault fault) {
  const Lock lock{mutex_};
  faults_.inject(std::move(fault));
}

void MemoryFileSystem::plan(std::uint64_t call, std::uint64_t repeat, int error) {
  const Lock lock{mutex_};
  SLUICE_ASSERT(call > faults_.calls(), call, faults_.calls());
  faults_.inject({.nth = call - faults_.calls(), .repeat = repeat, .error = error});
}

void MemoryFileSystem::fail_at(std::uint64_t call, int error) { plan(call, 1, error); }

void MemoryFileSystem::fail_from(std::uint64_t call, int error) { plan(call, Fault::kForever, error); }

void MemoryFileSystem::clear_faults() {
  const Lock lock{mutex_};
  faults_.clear();
}

void MemoryFileSystem::suspend_faults(bool suspended) {
  const Lock lock{mutex_};
  faults_.suspend(suspended);
}

void MemoryFileSystem::set_capacity(std::uint64_t bytes) { disk_.capacity = bytes; }

void MemoryFileSystem::crash(CrashPolicy policy, std::uint64_t seed) {
  const Lock lock{mutex_};
  CrashDice dice{policy, seed};
  tree_.crash(disk_, dice);
  ++generation_;
}

}  // namespace sluice::storage
