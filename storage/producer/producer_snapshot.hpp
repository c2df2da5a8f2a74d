#pragma once

#include <optional>
#include <string>
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
/// offset of the open transaction. Only the last batch of a producer is kept, as in Kafka.
std::vector<std::byte> encode_producer_snapshot(const ProducerState& state);

/// Errors: corrupt_checkpoint.
Result<ProducerState> decode_producer_snapshot(ByteView bytes);

/// The snapshots of one log directory. Not synced when written: a torn one fails its CRC and is removed, and the state
/// is replayed from the one before.
class ProducerSnapshots {
 public:
  ProducerSnapshots(FileSystem& fs, std::string directory) : fs_(fs), directory_(std::move(directory)) {}

  void found(Offset offset) { offsets_.push_back(offset); }  ///< while the directory is listed, ascending

  Result<> write(Offset offset, const ProducerState& state);
  std::optional<Offset> latest() const noexcept;

  /// State of the latest readable snapshot and its offset; unreadable ones are removed. nullopt when none is left.
  struct Loaded {
    ProducerState state;
    Offset offset;
  };
  Result<std::optional<Loaded>> load_latest();

  Result<> remove_after(Offset offset);   ///< those of a state beyond `offset`
  Result<> remove_before(Offset offset);  ///< except the latest
  /// Removes those that belong to none of `base_offsets` (ascending), except the latest.
  Result<> remove_stray(const std::vector<Offset>& base_offsets);

 private:
  std::string path(Offset offset) const;
  template <class Unwanted>
  Result<> remove_if(Unwanted unwanted);

  FileSystem& fs_;
  std::string directory_;
  std::vector<Offset> offsets_;  // ascending
};

}  // namespace sluice::storage
