#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/bytes.hpp"   // ByteView: std::span<const std::byte>
#include "protocol/base/ids.hpp"     // Position: a number that subtracts to a distance
#include "protocol/base/result.hpp"  // Result<T>: a value or a std::error_code
#include "storage/wal/errc.hpp"

namespace sluice::storage {
class FileSystem;
}

/// A write-ahead log for storage engines. This header and storage/wal/reclaim_thread.hpp are all there is to include.
namespace sluice::storage::wal {

/// Whose log it is: one table of a region of a namespace. What the numbers mean is the engine's affair.
struct Unit {
  std::uint8_t name_space = 0;
  std::uint64_t region = 0;
  std::uint64_t table = 0;

  friend auto operator<=>(const Unit&, const Unit&) noexcept = default;
};

/// Numbers the payloads of one unit: 1, 2, 3, … without a gap, in the order they were written. Never given twice, save
/// that of a buffered write that a crash undid.
using Sequence = Position<struct SequenceTag, std::uint64_t>;
inline constexpr Sequence kNoSequence{0};
inline constexpr Sequence kFirstSequence{1};
inline constexpr Sequence kMaxSequence{std::numeric_limits<std::uint64_t>::max()};

struct SequenceRange {
  Sequence first = kFirstSequence;
  Sequence end = kFirstSequence;  ///< past the last; first == end when empty

  friend bool operator==(const SequenceRange&, const SequenceRange&) noexcept = default;
};

/// One unit's part of an atomic batch.
struct UnitWrite {
  Unit unit;
  std::span<const ByteView> payloads;
  SequenceRange assigned{};  ///< set by a successful write
};

/// A payload as it is read back; its bytes last until the reader's next call.
struct Entry {
  Unit unit;
  Sequence sequence;
  ByteView payload;
};

struct UnitSummary {
  Unit unit;
  Sequence next;           ///< what the next payload gets
  Sequence deleted_up_to;  ///< kNoSequence: nothing is
};

enum class Durability {
  buffered,  ///< in the page cache when the call returns: outlives the process, not the machine; a prefix survives
  synced     ///< fdatasync has covered it when the call returns; one serves all writers that wait together
};

/// Which units share one physical log: one sequence of files and one fdatasync. Fixed when the directory is made.
enum class Layout {
  shared,      ///< all units: fewest syncs; reading one unit passes over the others' entries
  per_region,  ///< those of one region of a namespace
  per_table    ///< each has its own: space and reading are its own, so are its syncs and descriptors
};

struct Options {
  Layout layout = Layout::shared;
  std::uint32_t segment_bytes =
      64U << 20;  ///< of one file, 4 KiB to 1 GiB: a batch must fit into it; space comes back by files
  FileSystem* file_system = nullptr;  ///< the operating system's when null; else outlives the log
};

/// What opening found, of all physical logs together.
struct OpenReport {
  std::uint64_t bytes_read = 0;
  std::uint64_t torn_bytes_cut = 0;  ///< of writes that were under way when the machine stopped
};

/// Walks entries in the order of their sequences; those of several units that share a log, in the order of their
/// writes. Sees what was written before it was made. Must not outlive its Wal. One thread at a time; any number of
/// readers beside writers, marks and reclaiming.
class Reader {
 public:
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  /// nullopt at the end. Entries that were marked deleted before the reader was made are never returned.
  /// Errors: Errc::corrupt; the system's. After one, only destruction.
  Result<std::optional<Entry>> next();

 private:
  friend class Wal;
  struct State;
  explicit Reader(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

/// A directory of write-ahead logs. storage/wal/README.md has the files.
///
/// Threading: all calls from any thread, save close() and destruction, which come last. No threads of its own: a writer
/// that finds others waiting writes and syncs for them.
///
/// Errors: a failed write (ENOSPC, EIO) leaves the log as it was, and its sequences go to the next. After a failed sync
/// that physical log takes no more writes (Errc::failed), since a second fdatasync would lie: whether the entries of
/// the failed write are there is known after opening anew.
class Wal {
 public:
  /// Opens or makes the log in `directory` and reads all of it. What is found is durable when this returns. A torn
  /// tail, which only writes that never returned (or buffered ones) can be in, is cut; any other damage is
  /// Errc::corrupt.
  static Result<std::unique_ptr<Wal>> open(const std::string& directory, const Options& options = {},
                                           OpenReport* report = nullptr);
  /// Without close() as after a crash of the process: nothing that was written is lost.
  ~Wal();
  Wal(const Wal&) = delete;
  Wal& operator=(const Wal&) = delete;

  /// Payloads of one unit, all or none after a crash. An empty list writes nothing.
  Result<SequenceRange> write(const Unit& unit, std::span<const ByteView> payloads,
                              Durability durability = Durability::synced);
  Result<Sequence> write_one(const Unit& unit, ByteView payload, Durability durability = Durability::synced);
  /// The same for several units, which must share a physical log (Errc::several_logs); a unit may come twice.
  Result<> write_batch(std::span<UnitWrite> parts, Durability durability = Durability::synced);
  /// Makes everything durable that was written before the call.
  Result<> sync();

  /// Entries of `unit` from `from` on, to the end or below `end`. Where `from` was deleted it starts at the first that
  /// was not; an unknown unit has none.
  Reader read(const Unit& unit, Sequence from = kFirstSequence, Sequence end = kMaxSequence) const;
  /// Entries of all units, for the start of an engine.
  Reader scan() const;
  /// All units ever written to, ascending.
  std::vector<UnitSummary> units() const;
  Sequence next_sequence(const Unit& unit) const;  ///< kFirstSequence for an unknown unit

  /// The engine needs no entry of `unit` up to and with `up_to` any more, for it has flushed them elsewhere. Durable
  /// when it returns; space comes back with reclaim(). A lower mark than there is changes nothing. Errors:
  /// Errc::out_of_range unless `up_to` was written.
  Result<> mark_deleted(const Unit& unit, Sequence up_to);

  /// Gives back files of which every entry is marked deleted: in the background, by a thread of the embedding program
  /// (or a ReclaimThread). Cheap when there is nothing to do. Writers are held up for no longer than a rename takes.
  /// Returns the bytes given back.
  Result<std::uint64_t> reclaim();

  std::uint64_t size_bytes() const;
  /// Syncs everything and ends the log; no call may follow.
  Result<> close();

 private:
  struct State;
  explicit Wal(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::storage::wal
