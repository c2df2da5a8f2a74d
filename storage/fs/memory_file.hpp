#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/crash_dice.hpp"

namespace sluice::storage {

/// A range of addresses that stays put: memory is taken as it is touched, and reads as zeros before.
class AddressRange {
 public:
  explicit AddressRange(std::size_t size);
  AddressRange(const AddressRange&) = delete;
  AddressRange& operator=(const AddressRange&) = delete;
  ~AddressRange();

  std::byte* data() noexcept { return data_; }
  const std::byte* data() const noexcept { return data_; }

 private:
  std::byte* data_;
  std::size_t size_;
};

/// The disk's room. Files count with what they reserved or hold, whichever is more, holes included.
struct MemoryDisk {
  std::uint64_t file_bytes_max;  // the range of addresses that each file takes
  std::atomic<std::uint64_t> capacity;
  std::atomic<std::uint64_t> used{0};
};

/// One file in memory: what readers see, what a disk would hold, and the unsynced changes that lie between.
///
/// A failed sync forgets the changes, as kernels do: readers still see them, no later sync makes them durable.
/// Threading: the owner locks, but for the bytes of mappings, which are shared as those of a real mapping are.
class MemoryFile {
 public:
  explicit MemoryFile(MemoryDisk& disk);
  MemoryFile(MemoryDisk& disk, std::vector<std::byte> content);  ///< durable from the start
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile();

  std::uint64_t size() const noexcept { return size_; }
  std::size_t read(std::uint64_t position, MutableBytes into) const noexcept;
  /// Errors: ENOSPC after writing what fits; EFBIG.
  Result<> write(std::uint64_t position, std::vector<std::byte> bytes);
  Result<> truncate(std::uint64_t size);
  Result<> reserve(std::uint64_t size);
  void sync();
  void forget_unsynced();

  std::byte* mapped_bytes() noexcept { return range_.data(); }
  /// From here on, changes made through a writable mapping are looked for.
  void track_mapped_writes();

  /// What a crash leaves of it. Of each sector some prefix of its changes survives; of the changes of size too.
  std::vector<std::byte> survivor(CrashDice& dice);

 private:
  struct Change {
    bool is_truncation;
    std::uint64_t position;  // of the bytes; of a truncation the new size
    std::vector<std::byte> bytes;
  };

  Result<> grow_allocation(std::uint64_t size);
  void collect_mapped_writes();
  static void apply(const Change& change, std::vector<std::byte>& image);

  MemoryDisk& disk_;
  AddressRange range_;  // [0, size_) is what readers see, zeros after it
  std::uint64_t size_ = 0;
  std::uint64_t allocated_ = 0;  // counted in disk_.used; >= size_
  std::vector<std::byte> durable_;
  std::deque<Change> unsynced_;
  bool tracks_mapped_writes_ = false;
  std::vector<std::byte> written_;  // if tracked: the content less what came through mappings since the last look
};

}  // namespace sluice::storage
