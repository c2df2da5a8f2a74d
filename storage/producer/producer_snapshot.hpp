#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"
#include "storage/producer/producer_state.hpp"

namespace sluice::storage {

/// `<offset>.snapshot`: the producers' state after everything below `offset`.
///
/// On disk, big endian: i16 version = 1, u32 CRC-32C of all that follows, i32 count, then 46 bytes each: i64 producer
/// id, i16 epoch, i32 last sequence, i64 last offset, i32 offset delta, i64 timestamp, i32 coordinator epoch, i64 first
/// offset of the open transaction.
///
/// Kafka's entries have room for one batch of each producer. What else is remembered follows them, under the same CRC,
/// where Kafka's readers do not look: u32 0x534C4201, then for each producer with more to say i64 producer id, i8
/// count, and `count` times i32 last sequence, i64 last offset, i32 offset delta, i64 timestamp, oldest first. Without
/// it a retry that a restart came between would be out of order.
std::vector<std::byte> encode_producer_snapshot(const ProducerState& state);

/// Errors: corrupt_checkpoint.
Result<ProducerState> decode_producer_snapshot(ByteView bytes);

/// The snapshots of one log directory. Not synced when written: a torn one fails its CRC and is removed, and the state
/// is replayed from the one before. The log's next sync takes it along, as the records that it stands for may be
/// deleted then.
class ProducerSnapshots {
 public:
  ProducerSnapshots(FileSystem& fs, std::string directory) : fs_(fs), directory_(std::move(directory)) {}

  void found(Offset offset) { offsets_.push_back(offset); }  ///< while the directory is listed, ascending

  Result<> write(Offset offset, const ProducerState& state);
  std::optional<Offset> latest() const noexcept;

  /// Those written since the last call that say anything. For sync, which needs no more than the name.
  bool is_unsynced(Offset offset) const noexcept;
  std::vector<Offset> take_unsynced() { return std::exchange(unsynced_, {}); }
  Result<> sync(const std::vector<Offset>& offsets) const;  ///< fine if one is gone

  /// State of the latest readable snapshot at or below `at_most`, and its offset; unreadable ones on the way are
  /// removed. nullopt when there is none.
  struct Loaded {
    ProducerState state;
    Offset offset;
  };
  Result<std::optional<Loaded>> load_latest(Offset at_most);

  /// The log is in another directory now, with its snapshots.
  void move_to(std::string directory) { directory_ = std::move(directory); }

  Result<> remove_unreadable(Offset after);  ///< those of a state beyond `after` that a power failure tore
  Result<> remove_after(Offset offset);      ///< those of a state beyond `offset`
  Result<> remove_before(Offset offset);     ///< except the latest
  /// Removes those that belong to none of `base_offsets` (ascending), except the latest.
  Result<> remove_stray(const std::vector<Offset>& base_offsets);

 private:
  std::string path(Offset offset) const;
  template <class Unwanted>
  Result<> remove_if(Unwanted unwanted);

  FileSystem& fs_;
  std::string directory_;
  std::vector<Offset> offsets_;  // ascending
  std::vector<Offset> unsynced_;
};

}  // namespace sluice::storage
