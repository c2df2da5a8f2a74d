#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "storage/log/log.hpp"
#include "storage/wal/append_queue.hpp"
#include "storage/wal/batch_codec.hpp"
#include "storage/wal/recovery.hpp"
#include "storage/wal/sync_gate.hpp"
#include "storage/wal/unit_table.hpp"
#include "storage/wal/wal.hpp"

namespace sluice::storage::wal {

/// One `storage::Log` and the units in it. A group of writes is one record batch: one header, one CRC, one pwrite.
///
/// Everything it knows is in that log: sequences and marks are records among the others, and what only the oldest
/// segments tell is written anew before they go. So one fdatasync makes all of it durable, in order.
class PhysicalLog {
 public:
  static Result<std::unique_ptr<PhysicalLog>> open(LogResources& resources, const std::string& directory,
                                                   const Options& options, OpenReport& report);

  Result<> write(std::span<UnitWrite> parts, Durability durability);
  Result<> mark_deleted(const Unit& unit, Sequence up_to);
  Result<> sync();
  Result<std::uint64_t> reclaim();
  Result<> close();

  /// Where a reader begins and ends.
  struct Range {
    Offset from{0};
    Offset end{0};
  };
  /// Of all that was written and not deleted; of one unit, from `from` on.
  Range whole_range() const;
  Range range_of(const Unit& unit, Sequence from) const;

  std::optional<UnitSummary> summary(const Unit& unit) const;
  Sequence next_sequence(const Unit& unit) const;
  std::vector<UnitSummary> summaries() const;
  const Log& log() const noexcept { return *log_; }

 private:
  /// One of these, and what became of it.
  struct Request : Ticket {
    std::span<UnitWrite> parts{};       // entries
    const UnitSummary* mark = nullptr;  // a mark
    std::span<const Unit> carried{};    // units whose state is told again
    bool synced = false;                // that the log is synced
    Offset end{0};                      // the log's after it was appended
  };
  /// What a group's batch changes in the table once it is appended.
  struct Change {
    UnitState* state = nullptr;
    RunKind kind = RunKind::entries;
    SequenceRange entries{};
    Sequence deleted_up_to{};
  };

  PhysicalLog(LogResources& resources, std::unique_ptr<Log> log, Replayed replayed, const Options& options);

  Result<Offset> submit(Request& request);
  Result<> wait_synced(Offset end);
  // By the queue's leader; the three that follow under the table's mutex.
  void append_group(const std::vector<Ticket*>& group);
  void encode(Request& request);
  void commit(Offset base_offset);
  void undo();

  Result<> give_up_active();
  Result<std::vector<Offset>> droppable_starts(Offset needed) const;
  Result<> carry_over(Offset start);
  Result<std::uint64_t> drop_below(const std::vector<Offset>& starts);

  LogResources& resources_;
  const std::uint32_t segment_bytes_;
  std::unique_ptr<Log> log_;
  AppendQueue queue_;
  SyncGate gate_;

  mutable std::mutex table_mutex_;  // guards the two below; held for no I/O
  UnitTable units_;
  Offset committed_end_{0};  // <= log end: what the table knows of

  // The queue's leader's.
  BatchEncoder encoder_;
  std::vector<Change> changes_;
  std::uint64_t position_ = 0;  // bytes of batches that were read or appended
  bool told_synced_;            // the last batch tells that the log is synced, or there is none

  std::mutex reclaim_mutex_;  // one reclaims at a time; guards what follows
  bool removal_unsynced_ = false;
};

}  // namespace sluice::storage::wal
