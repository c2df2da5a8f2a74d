#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/batch_view.hpp"
#include "protocol/record/compression/compressor.hpp"
#include "storage/compaction/key_offset_map.hpp"
#include "storage/compaction/plain_records.hpp"
#include "storage/compaction/transaction_filter.hpp"

namespace sluice::storage {

/// Where an idempotent producer that is still known left off: what tells its next sequence has to stay in the log.
struct ProducerEnd {
  std::optional<Offset> last_data_offset;  ///< none: only a marker carries its epoch
  ProducerEpoch producer_epoch = kNoProducerEpoch;
};
using ProducerEnds = std::unordered_map<ProducerId, ProducerEnd>;

/// What a pass knows of a log when it comes to leaving records out.
struct CleaningView {
  const KeyOffsetMap& last_offsets;  ///< of the keys in [mapped_from, mapped_until)
  Offset mapped_until{0};
  KeyHashSecret secret{};
  const ProducerEnds& producers;
  Timestamp now{0};
  std::chrono::milliseconds delete_retention{0};

  /// Until when what is first met now as deleted stays: never, where that is past the end of time.
  Timestamp new_horizon() const noexcept {
    std::int64_t horizon = 0;
    const bool over = __builtin_add_overflow(now.value(), delete_retention.count(), &horizon);
    return Timestamp{over ? std::numeric_limits<std::int64_t>::max() : horizon};
  }
};

/// Leaves out of batches what compaction removes, batch by batch in the order of the log.
///
/// Goes: a record whose key has a later one, a tombstone past its delete horizon, everything of aborted transactions,
/// a marker past its horizon whose transaction has no batch left, and a record without a key, as in Kafka: none is
/// taken while a topic is compacted, but older ones may be there. Stays: whatever lies at or past `mapped_until`. The
/// horizon is `now` + delete_retention of the first pass that met the tombstone as its key's last, or the marker
/// without data; it is kept in the header (KIP-534). Base offset, last offset, sequences, epochs, codec and timestamp
/// type of a batch never change; without a change it is returned as it was, byte for byte.
///
/// Threading: one thread at a time.
class BatchCleaner {
 public:
  BatchCleaner(const CleaningView& view, TransactionFilter& transactions, BatchUnpacker& unpacker,
               record::Compressor& compressor) noexcept
      : view_(view), transactions_(transactions), unpacker_(unpacker), compressor_(compressor) {}

  /// What is left of `batch`, valid until the next call or as long as the batch; empty when all of it may go.
  /// `keep_if_empty`: then an empty batch is left, as for the last one of a known producer.
  /// Errors: corrupt_batch, or those of a decompressor.
  Result<ByteView> clean(const record::BatchView& batch, bool keep_if_empty);

  std::uint64_t records_kept() const noexcept { return records_kept_; }
  /// After a marker, which then stays: the transaction that it aborted, where something of it was met.
  const std::optional<AbortedTransaction>& just_aborted() const noexcept { return transactions_.just_aborted(); }

 private:
  Result<ByteView> clean_records(const record::BatchView& batch, bool keep_if_empty);
  Result<> select(const record::BatchView& batch);
  bool is_last_of_producer(const record::BatchView& batch) const;
  ByteView emptied(const record::BatchView& batch);
  ByteView encode(const record::BatchView& batch, std::optional<Timestamp> new_horizon);
  ByteView as_kept(const record::BatchView& batch);

  struct Candidate {
    PlainRecord record;
    KeyHash hash;
    bool mapped;  // has to be the last of its key
  };

  const CleaningView& view_;
  TransactionFilter& transactions_;
  BatchUnpacker& unpacker_;
  record::Compressor& compressor_;
  std::vector<Candidate> kept_;
  bool keeps_tombstones_ = false;
  std::vector<std::byte> plain_;
  std::vector<std::byte> packed_;
  std::uint64_t records_kept_ = 0;
};

}  // namespace sluice::storage
