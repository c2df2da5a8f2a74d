#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"

namespace sluice::storage {

/// Read access to a range of a file without a copy; the memory stays valid while this lives, even if the file is
/// unlinked. Never reaches past the size the file had when it was mapped, so that reading it can't raise SIGBUS.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual MutableBytes bytes() noexcept = 0;  ///< writable only if mapped with Access::read_write
  virtual Result<> sync() = 0;                ///< msync of the whole mapping
  /// Whether touching the first `bytes` waits for no disk. Asking may begin to read what is missing.
  virtual bool is_cached(std::size_t /*bytes*/) const noexcept { return true; }
};

/// Whether a read may wait for the disk. One that may not fails with Errc::not_cached instead.
enum class ReadMode { may_wait, cached_only };

enum class Access { read_only, read_write };

/// One open file. Positional reads and writes only. Safe for concurrent readers beside one writer.
class File {
 public:
  virtual ~File() = default;

  /// Reads up to `into.size()` bytes; fewer only at the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t position, MutableBytes into) const = 0;
  /// Writes all of `parts` back to back, or fails; after a failure the range's content is undefined.
  virtual Result<> write_at(std::uint64_t position, std::span<const ByteView> parts) = 0;
  Result<> write_at(std::uint64_t position, ByteView bytes) { return write_at(position, std::span{&bytes, 1}); }

  virtual Result<std::uint64_t> size() const = 0;
  virtual Result<> truncate(std::uint64_t size) = 0;  ///< or extend with zeros
  /// Reserves blocks for [0, size) without changing the file's size. Best effort where unsupported; ENOSPC is an error.
  virtual Result<> reserve(std::uint64_t size) = 0;
  virtual Result<> sync_data() = 0;  ///< fdatasync. After a failure the file must not be trusted nor synced again.
  virtual Result<std::unique_ptr<Mapping>> map(std::uint64_t size, Access access) = 0;  ///< [0, size), size > 0

  /// As read_at, but of what memory holds already. Errors: Errc::not_cached, also where that can't be told.
  virtual Result<std::size_t> read_cached_at(std::uint64_t position, MutableBytes into) const {
    return read_at(position, into);
  }
  /// Whether memory holds [position, position + size), by samples: pages come and go in runs. False where that can't be
  /// told. Asking may begin to read what is missing.
  virtual bool is_cached(std::uint64_t /*position*/, std::uint64_t /*size*/) const noexcept { return true; }
  /// Begins to bring a range into memory, without waiting for all of it. A hint.
  virtual void read_ahead(std::uint64_t /*position*/, std::uint64_t /*size*/) const noexcept {}

  /// Has reads bring in what they ask for and no more, so that none takes long: whoever reads on says so by read_ahead.
  virtual void expect_short_reads() const noexcept {}

  /// For sendfile; -1 where there is no descriptor (in memory): read instead.
  virtual int descriptor() const noexcept = 0;
};

enum class OpenMode {
  existing,
  create,
  create_new,
  existing_read_only,
  uncached_read_only,  ///< what the disk holds, not what memory does; others' cached pages stay
};

struct DirectoryEntry {
  std::string name;
  bool is_directory;
};

/// Where a log's files live. Every call a log makes to the outside goes through this, so that a test can make each
/// one fail, tear it, or forget what was not synced.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& directory) = 0;  ///< sorted by name
  virtual Result<> create_directories(const std::string& path) = 0;
  virtual Result<> rename(const std::string& from, const std::string& to) = 0;  ///< replaces `to`
  virtual Result<> remove(const std::string& path) = 0;                         ///< a file; fine if it is not there
  virtual Result<> remove_all(const std::string& directory) = 0;
  virtual Result<> sync_directory(const std::string& path) = 0;  ///< makes creations, renames, removals durable
  /// Makes all that was done in the file system of `path` durable, other programs' work included: one wait for many
  /// small files.
  virtual Result<> sync_file_system(const std::string& path) = 0;
  struct Space {
    std::uint64_t total;
    std::uint64_t available;
  };
  virtual Result<Space> space(const std::string& path) = 0;
};

/// The operating system's files.
FileSystem& posix_file_system() noexcept;

/// Whole small files, for checkpoints. `write_file_atomically` = temporary file, sync, rename, directory sync.
Result<std::string> read_file(FileSystem& fs, const std::string& path);
Result<> write_file_atomically(FileSystem& fs, const std::string& path, std::string_view content);

std::string join_path(std::string_view directory, std::string_view name);
std::string parent_path(std::string_view path);

}  // namespace sluice::storage
