#include "storage/data_directory/watched_file_system.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

/// Growing a file by this much is done ahead of its need; less is what an index must have before a store through its
/// mapping, and may come from the reserve.
constexpr std::uint64_t kAheadBytesMin = std::uint64_t{1} << 20;

void note(DirectoryHealth& health, DiskCall call, std::error_code error) {
  if (is_disk_failure(call, error)) health.fail(error);
  if (is_out_of_space(error)) health.space().on_no_space();
}

template <class Value>
Result<Value> noted(DirectoryHealth& health, DiskCall call, Result<Value> result) {
  if (!result) note(health, call, result.error());
  return result;
}

void count(FileSystem& files, DirectoryHealth& health, std::uint64_t bytes) {
  if (!health.space().take(bytes)) return;
  if (const auto space = files.space(health.path())) health.space().look(*space);
}

class WatchedMapping final : public Mapping {
 public:
  WatchedMapping(std::unique_ptr<Mapping> mapping, DirectoryHealth& health)
      : mapping_(std::move(mapping)), health_(health) {}

  MutableBytes bytes() noexcept override { return mapping_->bytes(); }
  bool is_cached(std::size_t bytes) const noexcept override { return mapping_->is_cached(bytes); }
  Result<> sync() override {
    if (health_.has_failed()) return Errc::directory_offline;
    return noted(health_, DiskCall::change, mapping_->sync());
  }

 private:
  std::unique_ptr<Mapping> mapping_;
  DirectoryHealth& health_;
};

class WatchedFile final : public File {
 public:
  WatchedFile(std::unique_ptr<File> file, FileSystem& files, DirectoryHealth& health)
      : file_(std::move(file)), files_(files), health_(health) {}

  Result<std::size_t> read_at(std::uint64_t position, MutableBytes into) const override {
    return noted(health_, DiskCall::read, file_->read_at(position, into));
  }
  Result<> write_at(std::uint64_t position, std::span<const ByteView> parts) override {
    if (health_.has_failed()) return Errc::directory_offline;
    std::uint64_t bytes = 0;
    for (const auto& part : parts) bytes += part.size();
    count(files_, health_, bytes);
    return noted(health_, DiskCall::change, file_->write_at(position, parts));
  }
  Result<std::uint64_t> size() const override { return noted(health_, DiskCall::read, file_->size()); }
  Result<> truncate(std::uint64_t size) override {
    if (health_.has_failed()) return Errc::directory_offline;
    reserved_ = 0;
    return noted(health_, DiskCall::change, file_->truncate(size));
  }
  Result<> reserve(std::uint64_t size) override;
  Result<> sync_data() override {
    if (health_.has_failed()) return Errc::directory_offline;
    return noted(health_, DiskCall::change, file_->sync_data());
  }
  Result<std::unique_ptr<Mapping>> map(std::uint64_t size, Access access) override {
    auto mapping = noted(health_, DiskCall::change, file_->map(size, access));
    if (!mapping) return mapping.error();
    return std::unique_ptr<Mapping>{std::make_unique<WatchedMapping>(std::move(*mapping), health_)};
  }
  Result<std::size_t> read_cached_at(std::uint64_t position, MutableBytes into) const override {
    return noted(health_, DiskCall::read, file_->read_cached_at(position, into));
  }
  bool is_cached(std::uint64_t position, std::uint64_t size) const noexcept override {
    return file_->is_cached(position, size);
  }
  void expect_short_reads() const noexcept override { file_->expect_short_reads(); }
  void read_ahead(std::uint64_t position, std::uint64_t size) const noexcept override {
    file_->read_ahead(position, size);
  }
  int descriptor() const noexcept override { return file_->descriptor(); }

 private:
  std::unique_ptr<File> file_;
  FileSystem& files_;
  DirectoryHealth& health_;
  std::uint64_t reserved_ = 0;  // the writer's
};

// Not noted as out of space: what is reserved ahead is more than is needed now, and the write itself tells.
Result<> WatchedFile::reserve(std::uint64_t size) {
  if (health_.has_failed()) return Errc::directory_offline;
  const auto written = file_->size();
  if (!written) return written.error();
  const auto held = std::max(reserved_, *written);
  const auto growth = size - std::min(held, size);
  if (growth >= kAheadBytesMin && !health_.space().has_room_ahead(growth)) {
    return std::error_code{ENOSPC, std::system_category()};
  }
  const auto reserved = file_->reserve(size);
  if (!reserved) {
    if (is_disk_failure(DiskCall::change, reserved.error())) health_.fail(reserved.error());
    return reserved;
  }
  reserved_ = std::max(reserved_, size);
  count(files_, health_, growth);
  return {};
}

}  // namespace

DirectoryHealth* WatchedFileSystem::find(std::string_view path) const noexcept {
  for (auto* health : watched_) {
    const auto& root = health->path();
    if (path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/' || root.ends_with('/'))) {
      return health;
    }
  }
  return nullptr;
}

template <class Call>
auto WatchedFileSystem::change(const std::string& path, Call call) -> decltype(call()) {
  auto* health = find(path);
  if (health == nullptr) return call();
  if (health->has_failed()) return {boost::system::in_place_error, make_error_code(Errc::directory_offline)};
  return noted(*health, DiskCall::change, call());
}

// Names are read from the file system's own structures: where these can't be read, more than one file is lost.
template <class Call>
auto WatchedFileSystem::look(const std::string& path, Call call) -> decltype(call()) {
  auto* health = find(path);
  return health == nullptr ? call() : noted(*health, DiskCall::change, call());
}

Result<std::unique_ptr<File>> WatchedFileSystem::open(const std::string& path, OpenMode mode) {
  auto* health = find(path);
  if (health == nullptr) return files_.open(path, mode);
  const bool creates = mode == OpenMode::create || mode == OpenMode::create_new;
  if (creates && health->has_failed()) return Errc::directory_offline;
  auto file = noted(*health, DiskCall::change, files_.open(path, mode));
  if (!file) return file.error();
  return std::unique_ptr<File>{std::make_unique<WatchedFile>(std::move(*file), files_, *health)};
}

Result<bool> WatchedFileSystem::exists(const std::string& path) {
  return look(path, [&] { return files_.exists(path); });
}

Result<std::vector<DirectoryEntry>> WatchedFileSystem::list(const std::string& directory) {
  return look(directory, [&] { return files_.list(directory); });
}

Result<> WatchedFileSystem::create_directories(const std::string& path) {
  return change(path, [&] { return files_.create_directories(path); });
}

Result<> WatchedFileSystem::rename(const std::string& from, const std::string& to) {
  return change(from, [&] { return files_.rename(from, to); });
}

Result<> WatchedFileSystem::remove(const std::string& path) {
  return change(path, [&] { return files_.remove(path); });
}

Result<> WatchedFileSystem::remove_all(const std::string& directory) {
  return change(directory, [&] { return files_.remove_all(directory); });
}

Result<> WatchedFileSystem::sync_directory(const std::string& path) {
  return change(path, [&] { return files_.sync_directory(path); });
}

Result<> WatchedFileSystem::sync_file_system(const std::string& path) {
  return change(path, [&] { return files_.sync_file_system(path); });
}

Result<FileSystem::Space> WatchedFileSystem::space(const std::string& path) {
  return look(path, [&] { return files_.space(path); });
}

}  // namespace sluice::storage
