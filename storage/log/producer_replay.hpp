#pragma once

#include <functional>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "storage/index/transaction_index.hpp"
#include "storage/producer/producer_state.hpp"
#include "storage/segment/segment_set.hpp"

namespace sluice::storage {

/// Called for each transaction that ends in what is replayed, with the segment that holds its marker.
using OnEnded = std::function<void(Segment&, const EndedTransaction&)>;

/// Applies every batch of a producer from `from` on to `producers`, as when it was appended. Reads headers, and markers
/// whole; walks over damage.
Result<> replay_producers(const SegmentList& list, Offset from, ProducerState& producers, const OnEnded& on_ended);

inline AbortedTransaction as_aborted(const EndedTransaction& ended) noexcept {
  return {ended.producer_id, ended.first_offset, ended.last_offset, ended.last_stable_offset};
}

}  // namespace sluice::storage
