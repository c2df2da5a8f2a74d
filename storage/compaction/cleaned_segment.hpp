#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/batch_view.hpp"
#include "storage/fs/file_system.hpp"
#include "storage/index/time_index.hpp"
#include "storage/index/transaction_index.hpp"
#include "storage/log/log_options.hpp"

namespace sluice::storage {

/// What a pass leaves of some segments, on its way to replace them: a `.log.cleaned` file and its indexes, which
/// only become a segment by Log::replace_segments. Removes its files unless they were handed over.
class CleanedSegment {
 public:
  /// Creates the `.log.cleaned` file; one that an earlier pass left behind is overwritten.
  static Result<std::unique_ptr<CleanedSegment>> create(FileSystem& fs, const std::string& directory,
                                                        Offset base_offset, const LogOptions& options,
                                                        std::size_t buffer_bytes);
  ~CleanedSegment();
  CleanedSegment(const CleanedSegment&) = delete;
  CleanedSegment& operator=(const CleanedSegment&) = delete;

  /// One whole batch. Errors: file_too_large beyond what positions in an index can name; those of the file.
  Result<> append(const record::BatchView& batch);

  /// Writes what is buffered and the indexes, that of aborted transactions only where there are any, and syncs all
  /// files.
  Result<> finish(const std::vector<AbortedTransaction>& aborted);
  bool has_aborted_transactions() const noexcept { return has_aborted_transactions_; }
  /// The files belong to somebody else from here on.
  void hand_over() noexcept { handed_over_ = true; }

  Offset base_offset() const noexcept { return base_offset_; }
  const std::string& directory() const noexcept { return directory_; }
  std::uint64_t size() const noexcept { return size_; }

 private:
  CleanedSegment(FileSystem& fs, const std::string& directory, Offset base_offset, const LogOptions& options,
                 std::size_t buffer_bytes);

  Result<> flush();
  Result<> write_index(std::string_view suffix, const std::vector<std::byte>& entries);
  void index(const record::BatchView& batch);
  void add_time_entry();

  FileSystem& fs_;
  std::string directory_;
  Offset base_offset_;
  std::uint32_t index_interval_bytes_;
  std::uint32_t index_bytes_;
  std::size_t buffer_bytes_;
  std::unique_ptr<File> file_;
  std::vector<std::byte> buffer_;
  std::uint64_t size_ = 0;  // what is buffered included
  std::uint64_t bytes_since_entry_ = 0;
  TimestampOffset largest_;
  Timestamp indexed_timestamp_ = kNoTimestamp;
  std::vector<std::byte> offset_entries_;
  std::vector<std::byte> time_entries_;
  bool has_aborted_transactions_ = false;
  bool handed_over_ = false;
};

}  // namespace sluice::storage
