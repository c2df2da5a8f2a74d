#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// A transaction that ended with an abort marker: what its producer wrote in between is not for committed reads.
struct AbortedTransaction {
  ProducerId producer_id = kNoProducerId;
  Offset first_offset = kNoOffset;
  Offset last_offset = kNoOffset;         ///< of the marker
  Offset last_stable_offset = kNoOffset;  ///< once it had ended: everything below was decided

  friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
};

/// Whether a search has all there are, or later indexes may have more.
enum class AbortsFound { so_far, all };

/// The aborted transactions whose markers lie in one segment (`<base_offset>.txnindex`).
///
/// On disk: repeated { i16 version = 0; i64 producer_id; i64 first_offset; i64 last_offset; i64 last_stable_offset }
/// big endian, 34 bytes each, ascending by last_offset, while last_stable_offset never falls. The file comes with the
/// first entry and is as long as its entries; behind them there may be a rest that a failed append left, until trim.
/// Not checksummed: rebuilt from the log when in doubt.
///
/// Threading: one writer; any number of readers of `collect`, which see published entries.
class TransactionIndex {
 public:
  static constexpr std::size_t kEntryBytes = 34;

  TransactionIndex(FileSystem& fs, std::string path, Offset base_offset)
      : fs_(fs), path_(std::move(path)), base_offset_(base_offset) {}

  /// Takes over an existing file; a missing one is empty. Reads all of it.
  /// Errors: corrupt_index unless every entry is sound, ascends, and lies from the base offset to below `end`.
  Result<> load(Offset end);

  /// Writes `entries` behind the published ones, where no reader looks yet. After a failure nothing has changed.
  Result<> write(std::span<const AbortedTransaction> entries);
  /// What was written last counts from now on. Without it the next write replaces it.
  void publish() noexcept { count_.store(written_, std::memory_order_release); }
  Result<> append(const AbortedTransaction& entry);
  /// Drops the entries whose marker is at or above `offset`.
  Result<> truncate_to(Offset offset);
  /// Replaces all entries, durably and at once; without any the file is removed.
  Result<> replace(std::span<const AbortedTransaction> entries);

  /// Adds the entries that overlap [from, to). Errors: not_cached, in that mode.
  Result<AbortsFound> collect(Offset from, Offset to, std::vector<AbortedTransaction>& into,
                              ReadMode mode = ReadMode::may_wait) const;

  std::uint32_t count() const noexcept { return count_.load(std::memory_order_acquire); }
  Result<> trim();  ///< cuts the file to its entries, durably: a crash must not bring back what was cut
  Result<> sync();
  void park() noexcept;  ///< closes the file until it is used again
  Result<> remove();
  Result<> rename_to(std::string path);  ///< fine if there is no file

 private:
  Result<std::shared_ptr<File>> file(OpenMode mode) const;
  Result<std::uint32_t> first_ending_at(const File& file, Offset from, std::uint32_t count, ReadMode mode) const;

  FileSystem& fs_;
  std::string path_;
  Offset base_offset_;
  std::uint32_t written_ = 0;  // the writer's: entries in the file
  std::atomic<std::uint32_t> count_{0};
  mutable std::mutex mutex_;  // of the path and of opening
  mutable std::shared_ptr<File> file_;
};

}  // namespace sluice::storage
