#pragma once

#include <system_error>

namespace sluice::storage {

/// What can go wrong with a log beyond what the operating system reports (those travel in the system category).
enum class Errc {
  offset_out_of_range = 1,    ///< before the log start or past the log end
  corrupt_batch,              ///< a CRC, length or offset in a `.log` file is wrong
  corrupt_index,              ///< an index contradicts itself or its `.log` file
  corrupt_checkpoint,         ///< a checkpoint or snapshot file does not parse
  index_full,                 ///< no room for another entry: roll the segment
  segment_full,               ///< the batch does not fit into the segment: roll first
  batch_larger_than_segment,  ///< it would not fit into an empty segment either
  out_of_order_sequence,      ///< idempotent producer: a gap, or a repeat older than the remembered batches
  stale_producer_epoch,       ///< idempotent producer: an older incarnation
  stale_coordinator_epoch,    ///< a marker from a transaction coordinator that was replaced
  log_offline,                ///< an earlier write or sync failed; nothing more is accepted
  wrong_directory,            ///< meta.properties or partition.metadata name another cluster, node or topic
  directory_locked,           ///< another process holds the data directory
  directory_offline,          ///< the data directory failed, or could not be opened: nothing in it is served
  not_cached,                 ///< a read that must not wait for the disk would have had to
};

const std::error_category& storage_category() noexcept;
inline std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), storage_category()}; }

}  // namespace sluice::storage

template <>
struct std::is_error_code_enum<sluice::storage::Errc> : std::true_type {};
