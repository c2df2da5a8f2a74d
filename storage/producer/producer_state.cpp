#include "storage/producer/producer_state.hpp"

#include <limits>

#include "protocol/base/varint.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

constexpr std::int32_t kSequenceMax = std::numeric_limits<std::int32_t>::max();

std::int32_t next_sequence(std::int32_t last) noexcept { return last == kSequenceMax ? 0 : last + 1; }

// The marker in a control batch; nullopt when the bytes are not one.
std::optional<record::EndTransactionMarker> parse_marker(const record::BatchView& batch) {
  auto rest = batch.records();
  if (!take_varint(rest) || rest.empty()) return std::nullopt;  // record length
  rest = rest.subspan(1);                                       // attributes
  if (!take_varlong(rest) || !take_varint(rest)) return std::nullopt;
  const auto take_field = [&]() -> std::optional<ByteView> {
    const auto code = take_varint(rest);
    if (!code) return std::nullopt;
    const auto bytes = zigzag_decode(*code);
    if (bytes < 0 || static_cast<std::size_t>(bytes) > rest.size()) return std::nullopt;
    const auto field = rest.first(static_cast<std::size_t>(bytes));
    rest = rest.subspan(field.size());
    return field;
  };
  const auto key = take_field();
  if (!key) return std::nullopt;
  const auto value = take_field();
  if (!value) return std::nullopt;
  return record::parse_end_transaction(*key, *value);
}

}  // namespace

bool is_abort(const record::BatchView& batch) noexcept {
  if (!batch.is_control() || !batch.has_producer()) return false;
  const auto marker = parse_marker(batch);
  return marker && !marker->committed;
}

std::int32_t ProducerBatch::first_sequence() const noexcept {
  if (last_sequence >= offset_delta) return last_sequence - offset_delta;
  return static_cast<std::int32_t>(std::int64_t{last_sequence} - offset_delta + kSequenceMax + 1);
}

const ProducerBatch* ProducerEntry::find(std::int32_t first_sequence, std::int32_t last_sequence) const noexcept {
  for (std::size_t i = 0; i < count_; ++i) {
    const auto& batch = batches_[(first_ + i) % kBatchesMax];
    if (batch.last_sequence == last_sequence && batch.first_sequence() == first_sequence) return &batch;
  }
  return nullptr;
}

void ProducerEntry::add(const ProducerBatch& batch) noexcept {
  if (count_ == kBatchesMax) {
    first_ = static_cast<std::uint8_t>((first_ + 1) % kBatchesMax);
    --count_;
  }
  batches_[(first_ + count_) % kBatchesMax] = batch;
  ++count_;
}

void ProducerEntry::begin_epoch(ProducerEpoch new_epoch) noexcept {
  if (new_epoch == epoch) return;
  epoch = new_epoch;
  first_ = count_ = 0;
}

Result<std::optional<ProducerBatch>> ProducerState::check(const record::BatchView& batch) const {
  std::optional<ProducerBatch> original;
  if (!batch.has_producer()) return original;
  const auto found = producers_.find(batch.producer_id());
  if (found == producers_.end()) return original;
  const auto& producer = found->second;
  if (batch.producer_epoch() < producer.epoch) return Errc::stale_producer_epoch;
  if (batch.is_control()) {
    const auto marker = parse_marker(batch);
    if (marker && marker->coordinator_epoch < producer.coordinator_epoch) return Errc::stale_coordinator_epoch;
    return original;
  }
  if (batch.producer_epoch() > producer.epoch) {
    if (batch.base_sequence() != 0) return Errc::out_of_order_sequence;
    return original;
  }
  if (const auto* repeat = producer.find(batch.base_sequence(), batch.last_sequence())) {
    original = *repeat;
    return original;
  }
  // A marker may have raised the epoch; its first batch starts at 0.
  const auto expected = producer.has_batches() ? next_sequence(producer.last_batch().last_sequence) : 0;
  if (batch.base_sequence() != expected) return Errc::out_of_order_sequence;
  return original;
}

std::optional<EndedTransaction> ProducerState::ending(const record::BatchView& batch) const {
  if (!batch.has_producer() || !batch.is_control()) return std::nullopt;
  const auto marker = parse_marker(batch);
  if (!marker) return std::nullopt;
  return ending(batch, *marker);
}

std::optional<EndedTransaction> ProducerState::ending(const record::BatchView& batch,
                                                      const record::EndTransactionMarker& marker) const {
  const auto producer = producers_.find(batch.producer_id());
  if (producer == producers_.end() || producer->second.transaction_start == kNoOffset) return std::nullopt;
  const auto first_offset = producer->second.transaction_start;
  auto oldest = open_transactions_.begin();
  if (oldest != open_transactions_.end() && oldest->first == first_offset) ++oldest;
  const auto stable = oldest == open_transactions_.end() ? batch.next_offset() : oldest->first;
  return EndedTransaction{batch.producer_id(), first_offset, batch.last_offset(), stable, marker.committed};
}

std::optional<EndedTransaction> ProducerState::apply(const record::BatchView& batch) {
  if (!batch.has_producer()) return std::nullopt;
  if (batch.is_control()) {
    const auto marker = parse_marker(batch);
    if (!marker) return std::nullopt;
    const auto ended = ending(batch, *marker);
    end_transaction(batch, *marker);
    return ended;
  }
  auto& producer = producers_[batch.producer_id()];
  producer.begin_epoch(batch.producer_epoch());
  producer.last_timestamp = batch.max_timestamp();
  producer.add({batch.last_sequence(), batch.last_offset(), batch.last_offset_delta(), batch.max_timestamp()});
  if (batch.is_transactional() && producer.transaction_start == kNoOffset) {
    producer.transaction_start = batch.base_offset();
    open_transactions_.emplace(batch.base_offset(), batch.producer_id());
  }
  return std::nullopt;
}

void ProducerState::end_transaction(const record::BatchView& batch, const record::EndTransactionMarker& marker) {
  auto& producer = producers_[batch.producer_id()];
  producer.begin_epoch(batch.producer_epoch());
  producer.coordinator_epoch = marker.coordinator_epoch;
  producer.last_timestamp = batch.max_timestamp();
  if (producer.transaction_start != kNoOffset) open_transactions_.erase(producer.transaction_start);
  producer.transaction_start = kNoOffset;
}

void ProducerState::expire(Timestamp now, std::chrono::milliseconds expiration) {
  std::erase_if(producers_, [&](const auto& item) {
    const auto& producer = item.second;
    return producer.transaction_start == kNoOffset && producer.last_timestamp <= now - expiration.count();
  });
}

std::optional<Offset> ProducerState::first_open_transaction() const noexcept {
  if (open_transactions_.empty()) return std::nullopt;
  return open_transactions_.begin()->first;
}

void ProducerState::restore(ProducerId id, const ProducerEntry& entry) {
  producers_[id] = entry;
  if (entry.transaction_start != kNoOffset) open_transactions_.emplace(entry.transaction_start, id);
}

void ProducerState::clear() noexcept {
  producers_.clear();
  open_transactions_.clear();
}

}  // namespace sluice::storage
