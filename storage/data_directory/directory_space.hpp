#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// How much of a data directory's disk may still be filled with records. The last of it is a reserve, for what must go
/// on when records can't: metadata, committed offsets, checkpoints, and the deletions that make room.
///
/// The disk is asked every second (`look`); in between, what is written is counted, and once the count may have
/// reached the reserve the writer asks (`take`). Full until there is a quarter of the reserve more than the reserve, so
/// that producers are not let in and out with every segment.
///
/// Threading: any.
class DirectorySpace {
 public:
  /// A twentieth of the disk, a quarter of a GiB at most.
  static std::uint64_t default_reserve(std::uint64_t total) noexcept;

  /// nullopt: default_reserve.
  void set_reserve(std::optional<std::uint64_t> bytes) noexcept {
    reserve_.store(bytes ? static_cast<std::int64_t>(*bytes) : -1);
  }

  /// No room for records. One relaxed load.
  bool is_full() const noexcept { return full_.load(std::memory_order_relaxed); }

  /// What the disk says now.
  void look(const FileSystem::Space& space) noexcept;
  /// `bytes` are about to be written; true when that may reach the reserve: look again.
  bool take(std::uint64_t bytes) noexcept {
    const auto amount = static_cast<std::int64_t>(bytes);
    return room_.fetch_sub(amount, std::memory_order_relaxed) < amount;
  }
  /// Whether a file may be grown ahead of its need by `bytes`: only out of what is not the reserve.
  bool has_room_ahead(std::uint64_t bytes) const noexcept {
    return room_.load(std::memory_order_relaxed) >= static_cast<std::int64_t>(bytes);
  }
  /// Bytes above the reserve, as far as is known; negative below.
  std::int64_t room() const noexcept { return room_.load(std::memory_order_relaxed); }
  /// A write found no space, whatever the disk says (it may be out of inodes, or over a quota): full until it is looked
  /// at again.
  void on_no_space() noexcept { full_.store(true, std::memory_order_relaxed); }

 private:
  static constexpr std::int64_t kUnknown = std::int64_t{1} << 60;

  std::atomic<std::int64_t> reserve_{-1};     // negative: the default
  std::atomic<std::int64_t> room_{kUnknown};  // bytes above the reserve
  std::atomic<bool> full_{false};
};

}  // namespace sluice::storage
