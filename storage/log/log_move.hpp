#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "protocol/base/result.hpp"
#include "protocol/base/uuid.hpp"
#include "storage/log/log.hpp"
#include "storage/segment/segment_set.hpp"

namespace sluice::storage {

/// Where a log goes.
struct MoveTarget {
  std::string future;       ///< made here, beside the place it gets
  std::string directory;    ///< and renamed to this
  DirectoryHealth* health;  ///< of the data directory that both are in
  Uuid data_directory_id;   ///< its id
};

/// Takes a log to another data directory while it is read and written.
///
/// Segments are copied as they are, again where the log replaced or cut them meanwhile. When little is missing the log
/// is rolled, so that `finish` has but the records since then to copy while appends wait; then the copy is renamed into
/// place, and the log, the same object with the same state, goes on in it. Its readers never notice.
///
/// A crash at any point leaves one copy that is the partition: see CopyGeneration, which the copy and, until the end,
/// the original carry.
///
/// Threading: one thread, beside any users of the log; `bytes_copied` and `copied_end` from any.
class LogMove {
 public:
  /// Bytes that may be missing for `copy` to be done.
  static constexpr std::uint64_t kRestBytesMax = std::uint64_t{1} << 20;

  /// Pre: the directory `target.future` exists and is empty.
  LogMove(std::shared_ptr<Log> log, MoveTarget target);

  /// Copies up to about `bytes_max` of what is missing. True once no more than kRestBytesMax is. What fails may be
  /// tried again, unless the log or one of the disks is offline.
  Result<bool> copy(std::uint64_t bytes_max);

  /// Ends the move: false when too much came meanwhile, copy again. After an error the log is where it was, or, where
  /// that can't be told, offline.
  Result<bool> finish(Timestamp now);

  /// After finish: what is left of the original, to be removed. Pre: `name` is that of a directory to be deleted.
  Result<std::string> retire_original(const std::string& name);

  std::uint64_t bytes_copied() const noexcept { return bytes_copied_.load(std::memory_order_relaxed); }
  /// Everything below is copied, but for what the log replaced since.
  Offset copied_end() const noexcept { return Offset{copied_end_.load(std::memory_order_relaxed)}; }

 private:
  struct Copy {
    std::shared_ptr<Segment> source;
    std::unique_ptr<File> file;
    std::uint64_t bytes = 0;
    bool sealed = false;  // whole, and on disk
  };

  Result<> forget_dropped(const SegmentList& list);
  Result<> copy_segment(const std::shared_ptr<Segment>& segment, bool active, std::uint64_t& budget);
  Result<> copy_bytes(const Segment& segment, Copy& copy, std::uint64_t end);
  Result<> copy_side_files(const SegmentList& list);
  Result<> copy_file(const std::string& name);
  std::uint64_t missing_bytes(const SegmentList& list) const;
  Result<> mark_copies();
  Result<bool> finish_locked(Timestamp now);
  Result<SegmentList> open_copies(const SegmentList& list, Timestamp now) const;
  Result<> take_place();
  void go_on_with_original();
  void switch_to(SegmentList copies);

  const std::shared_ptr<Log> log_;
  const MoveTarget target_;
  FileSystem& fs_;
  std::string original_;
  std::uint32_t generation_ = 0;  // of the original
  std::map<Offset, Copy> copies_;
  std::atomic<std::uint64_t> bytes_copied_{0};
  std::atomic<std::int64_t> copied_end_{0};
};

}  // namespace sluice::storage
