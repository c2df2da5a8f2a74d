#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/batch_view.hpp"
#include "protocol/record/control_record.hpp"

namespace sluice::storage {

/// A data batch that an idempotent producer wrote: enough to recognise its repeat and answer it.
struct ProducerBatch {
  std::int32_t last_sequence = -1;
  Offset last_offset = kNoOffset;
  std::int32_t offset_delta = 0;  ///< last minus first offset, and sequence
  Timestamp timestamp = kNoTimestamp;

  std::int32_t first_sequence() const noexcept;  ///< wraps below 0 to INT32_MAX
  Offset first_offset() const noexcept { return last_offset - offset_delta; }
  friend bool operator==(const ProducerBatch&, const ProducerBatch&) = default;
};

/// Whether `batch`, whole, is a marker that aborts a transaction.
bool is_abort(const record::BatchView& batch) noexcept;

/// A transaction and the marker that ended it.
struct EndedTransaction {
  ProducerId producer_id = kNoProducerId;
  Offset first_offset = kNoOffset;
  Offset last_offset = kNoOffset;         ///< of the marker
  Offset last_stable_offset = kNoOffset;  ///< afterwards, as if all were replicated
  bool committed = false;

  friend bool operator==(const EndedTransaction&, const EndedTransaction&) = default;
};

/// What one producer id did in this log.
class ProducerEntry {
 public:
  static constexpr std::size_t kBatchesMax = 5;  // Kafka's; clients keep at most five requests in flight

  ProducerEpoch epoch = kNoProducerEpoch;
  std::int32_t coordinator_epoch = -1;
  Timestamp last_timestamp = kNoTimestamp;
  Offset transaction_start = kNoOffset;  ///< first offset of the open transaction

  bool has_batches() const noexcept { return count_ > 0; }
  std::size_t batch_count() const noexcept { return count_; }
  const ProducerBatch& batch(std::size_t index) const noexcept { return batches_[(first_ + index) % kBatchesMax]; }
  const ProducerBatch& last_batch() const noexcept { return batches_[(first_ + count_ - 1U) % kBatchesMax]; }
  const ProducerBatch* find(std::int32_t first_sequence, std::int32_t last_sequence) const noexcept;
  void add(const ProducerBatch& batch) noexcept;
  void begin_epoch(ProducerEpoch new_epoch) noexcept;  ///< forgets the batches when it differs
  void forget_batches() noexcept { first_ = count_ = 0; }

 private:
  std::array<ProducerBatch, kBatchesMax> batches_{};
  std::uint8_t first_ = 0;
  std::uint8_t count_ = 0;
};

/// Idempotent and transactional producers of one log: who wrote what last, and whose transaction is open.
///
/// Pure: no files, no clock, no locks. `check` decides, `apply` is the only mutator and also serves recovery, so that
/// the state always equals that of replaying the log.
///
/// Rules: KIP-98, KIP-360 (an unknown producer may start at any sequence).
class ProducerState {
 public:
  /// Whether a leader may append `batch`. A repeat of one of the last five is answered with the original.
  /// Errors: out_of_order_sequence, stale_producer_epoch, stale_coordinator_epoch (of a marker).
  Result<std::optional<ProducerBatch>> check(const record::BatchView& batch) const;

  /// The transaction that `batch`, with its offsets, ends when it is applied; none if it is not a marker, or that of a
  /// transaction without records here.
  std::optional<EndedTransaction> ending(const record::BatchView& batch) const;

  /// `batch` is in the log now, with its offsets. Control batches need their bytes, others only their header. Returns
  /// the transaction that it ended.
  std::optional<EndedTransaction> apply(const record::BatchView& batch);

  /// Forgets producers silent for `expiration` that have no transaction open.
  void expire(Timestamp now, std::chrono::milliseconds expiration);

  /// First offset of the oldest open transaction: the last stable offset can't pass it.
  std::optional<Offset> first_open_transaction() const noexcept;

  void restore(ProducerId id, const ProducerEntry& entry);  ///< from a snapshot
  void clear() noexcept;
  bool empty() const noexcept { return producers_.empty(); }
  const std::unordered_map<ProducerId, ProducerEntry>& producers() const noexcept { return producers_; }

 private:
  std::optional<EndedTransaction> ending(const record::BatchView& batch,
                                         const record::EndTransactionMarker& marker) const;
  void end_transaction(const record::BatchView& batch, const record::EndTransactionMarker& marker);

  std::unordered_map<ProducerId, ProducerEntry> producers_;
  std::map<Offset, ProducerId> open_transactions_;  // by first offset
};

}  // namespace sluice::storage
