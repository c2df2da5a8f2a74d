#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// A memory-mapped file of fixed-width entries: what `.index` and `.timeindex` share.
///
/// While written, the file is extended (sparse) to its full capacity and entries are plain stores into the mapping.
/// Blocks are reserved before a store, since a store into a hole of a full disk raises SIGBUS. `trim` cuts the file to
/// its entries. An idle log pays nothing: file, descriptor and mapping come with the first entry or the first use, and
/// go with `park`.
///
/// Threading: one writer (load, ensure_room, append, keep, trim, sync); any number of readers of `count` and `entry`,
/// which see entries below the published count. A replaced mapping lives until park or unload, which exclude both.
class IndexFile {
 public:
  IndexFile(FileSystem& fs, std::string path, std::uint32_t entry_bytes);

  /// Maps the file as it is; its size / entry size is the count, after `park` the count from before. Without a file it
  /// is empty, and !is_present().
  /// Errors: corrupt_index when the size is not a multiple of the entry size, or smaller than when it was parked.
  Result<> load();

  bool is_present() const noexcept { return file_ != nullptr; }

  /// Makes `entries` more appends succeed without any failing call. Errors: index_full beyond `capacity_bytes`.
  Result<> ensure_room(std::uint32_t entries, std::uint32_t capacity_bytes);

  /// Pre: ensure_room. The entry's bytes are copied.
  void append(const std::byte* entry) noexcept;

  /// Drops all but the first `entries`.
  void keep(std::uint32_t entries) noexcept;

  /// Cuts the file to its entries; creates an empty one if there was none, as Kafka expects both index files.
  Result<> trim();
  Result<> sync();

  /// Cuts the file to its entries and closes it; the count stays. `load` brings the rest back.
  void park() noexcept;
  /// Forgets everything.
  void unload() noexcept;
  Result<> remove();
  /// Fine if there is no file.
  Result<> rename_to(std::string path);

  std::uint32_t count() const noexcept { return count_.load(std::memory_order_acquire); }
  /// Pre: `index` < a count() read before.
  const std::byte* entry(std::uint32_t index) const noexcept {
    return data_.load(std::memory_order_acquire) + std::size_t{index} * entry_bytes_;
  }
  /// Whether looking at any entry waits for no disk. Pre: loaded.
  bool is_cached() const noexcept;
  const std::string& path() const noexcept { return path_; }

 private:
  Result<> open_for_writing(std::uint32_t capacity_bytes);
  Result<> map(std::uint64_t bytes);
  void close() noexcept;

  FileSystem& fs_;
  std::string path_;
  std::uint32_t entry_bytes_;
  std::unique_ptr<File> file_;
  std::vector<std::unique_ptr<Mapping>> mappings_;  // the last is current
  std::uint64_t mapped_bytes_ = 0;
  std::uint64_t reserved_bytes_ = 0;
  bool parked_ = false;
  std::atomic<const Mapping*> current_{nullptr};  // the last of mappings_, for readers
  std::atomic<std::byte*> data_{nullptr};
  std::atomic<std::uint32_t> count_{0};
};

}  // namespace sluice::storage
