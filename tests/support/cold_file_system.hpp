#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "storage/errc.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::test {

/// Another file system behind a page cache that forgets when it is told to, and that knows which thread waited for the
/// disk. What is written is in the cache. Mappings are in it or not, all of them, as `mappings_cached` says.
class ColdFileSystem final : public storage::FileSystem {
 public:
  explicit ColdFileSystem(storage::FileSystem& disk) : disk_(disk) {}

  void drop_cache() {
    const std::lock_guard lock{mutex_};
    for (auto& [path, file] : cache_) file->pages.clear();
  }
  std::atomic<bool> mappings_cached{true};
  /// How often `thread` had to wait for the disk.
  int waits_of(std::thread::id thread) {
    const std::lock_guard lock{mutex_};
    return waits_[thread];
  }
  int waits_of_this_thread() { return waits_of(std::this_thread::get_id()); }

  Result<std::unique_ptr<storage::File>> open(const std::string& path, storage::OpenMode mode) override {
    auto file = disk_.open(path, mode);
    if (!file) return file.error();
    const std::lock_guard lock{mutex_};
    auto& cached = cache_[path];
    if (!cached) cached = std::make_shared<Cached>();
    return std::unique_ptr<storage::File>{std::make_unique<Handle>(*this, std::move(*file), cached)};
  }
  Result<bool> exists(const std::string& path) override { return disk_.exists(path); }
  Result<std::vector<storage::DirectoryEntry>> list(const std::string& directory) override {
    return disk_.list(directory);
  }
  Result<> create_directories(const std::string& path) override { return disk_.create_directories(path); }
  Result<> rename(const std::string& from, const std::string& to) override {
    {
      const std::lock_guard lock{mutex_};
      if (const auto moved = cache_.extract(from)) cache_[to] = moved.mapped();
    }
    return disk_.rename(from, to);
  }
  Result<> remove(const std::string& path) override { return disk_.remove(path); }
  Result<> remove_all(const std::string& directory) override { return disk_.remove_all(directory); }
  Result<> sync_directory(const std::string& path) override { return disk_.sync_directory(path); }
  Result<> sync_file_system(const std::string& path) override { return disk_.sync_file_system(path); }
  Result<Space> space(const std::string& path) override { return disk_.space(path); }

 private:
  static constexpr std::uint64_t kPageBytes = 4096;

  struct Cached {
    std::set<std::uint64_t> pages{};
  };

  class View final : public storage::Mapping {
   public:
    View(ColdFileSystem& fs, std::unique_ptr<storage::Mapping> mapping) : fs_(fs), mapping_(std::move(mapping)) {}
    MutableBytes bytes() noexcept override { return mapping_->bytes(); }
    Result<> sync() override { return mapping_->sync(); }
    bool is_cached(std::size_t) const noexcept override { return fs_.mappings_cached; }

   private:
    ColdFileSystem& fs_;
    std::unique_ptr<storage::Mapping> mapping_;
    std::shared_ptr<Cached> cached_;
  };

  class Handle final : public storage::File {
   public:
    Handle(ColdFileSystem& fs, std::unique_ptr<storage::File> file, std::shared_ptr<Cached> cached)
        : fs_(fs), file_(std::move(file)), cached_(std::move(cached)) {}

    using File::write_at;
    Result<std::size_t> read_at(std::uint64_t position, MutableBytes into) const override {
      fs_.bring_in(*cached_, position, into.size(), true);
      return file_->read_at(position, into);
    }
    Result<> write_at(std::uint64_t position, std::span<const ByteView> parts) override {
      std::uint64_t size = 0;
      for (const auto& part : parts) size += part.size();
      fs_.bring_in(*cached_, position, size, false);
      return file_->write_at(position, parts);
    }
    Result<std::uint64_t> size() const override { return file_->size(); }
    Result<> truncate(std::uint64_t size) override { return file_->truncate(size); }
    Result<> reserve(std::uint64_t size) override { return file_->reserve(size); }
    Result<> sync_data() override { return file_->sync_data(); }
    Result<std::unique_ptr<storage::Mapping>> map(std::uint64_t size, storage::Access access) override {
      auto mapping = file_->map(size, access);
      if (!mapping) return mapping.error();
      return std::unique_ptr<storage::Mapping>{std::make_unique<View>(fs_, std::move(*mapping))};
    }
    Result<std::size_t> read_cached_at(std::uint64_t position, MutableBytes into) const override {
      if (!is_cached(position, into.size())) return storage::Errc::not_cached;
      return file_->read_at(position, into);
    }
    bool is_cached(std::uint64_t position, std::uint64_t size) const noexcept override {
      const auto file_size = file_->size();
      const auto end = std::min(position + size, file_size ? *file_size : 0);
      const std::lock_guard lock{fs_.mutex_};
      for (auto at = position; at < end; at += kPageBytes - at % kPageBytes) {
        if (!cached_->pages.contains(at / kPageBytes)) return false;
      }
      return true;
    }
    void read_ahead(std::uint64_t, std::uint64_t) const noexcept override {}
    int descriptor() const noexcept override { return file_->descriptor(); }

   private:
    ColdFileSystem& fs_;
    std::unique_ptr<storage::File> file_;
    std::shared_ptr<Cached> cached_;
  };

  void bring_in(Cached& cached, std::uint64_t position, std::uint64_t size, bool counts) {
    const std::lock_guard lock{mutex_};
    bool waited = false;
    for (auto at = position; at < position + size; at += kPageBytes - at % kPageBytes) {
      waited |= cached.pages.insert(at / kPageBytes).second;
    }
    if (waited && counts) ++waits_[std::this_thread::get_id()];
  }

  storage::FileSystem& disk_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Cached>> cache_;
  std::map<std::thread::id, int> waits_;
};

}  // namespace sluice::test
