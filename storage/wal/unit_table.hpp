#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "storage/wal/wal.hpp"

namespace sluice::storage::wal {

/// What a physical log knows of one unit.
struct UnitState {
  /// Entries from `sequence` on lie at `offset` of the log or later.
  struct Place {
    Sequence sequence;
    Offset offset;
    std::uint64_t position;  ///< bytes written to the log before it, since it was opened
  };

  Sequence next = kFirstSequence;          // of what is in the log
  Sequence assigned_end = kFirstSequence;  // >= next: given out to the batch that is being written
  Sequence deleted_up_to = kNoSequence;    // < next
  std::vector<Place> places;               // ascending and sparse; the first holds the first entry not deleted
  Offset next_told_at{-1};     // the last batch that tells `next`; what lies below the log's start is forgotten
  Offset deleted_told_at{-1};  // and `deleted_up_to`

  bool has_live_entries() const noexcept { return deleted_up_to + 1 < next; }
};

/// The units of one physical log. Pure: replaying every batch of a log gives the table that its writers had.
/// Every fact is a lower bound, so that one told twice, or late, changes nothing.
class UnitTable {
 public:
  UnitState& get(const Unit& unit) { return units_[unit]; }
  const UnitState* find(const Unit& unit) const;

  /// Entries of `unit` were written in the batch at `offset`; `position` as in UnitState::Place.
  void on_entries(UnitState& state, SequenceRange entries, Offset offset, std::uint64_t position);
  void on_mark(UnitState& state, Sequence deleted_up_to, Offset offset);
  /// What was carried over from batches that are gone.
  void on_carried(UnitState& state, Sequence next, Sequence deleted_up_to, Offset offset);

  /// Where to look for the first entry at or past `from` that is not deleted; nullopt when there is none.
  std::optional<Offset> floor_offset(const Unit& unit, Sequence from) const;
  /// Nothing below it is needed by anyone; nullopt when nothing at all is.
  std::optional<Offset> first_live_offset() const;
  /// Units of which something would be forgotten if the log began at `start`.
  std::vector<Unit> told_only_below(Offset start) const;

  std::vector<UnitSummary> summaries() const;  ///< in no order

 private:
  struct Hash {
    std::size_t operator()(const Unit& unit) const noexcept;
  };
  std::unordered_map<Unit, UnitState, Hash> units_;  // never shrinks: states stay where they are
};

}  // namespace sluice::storage::wal
