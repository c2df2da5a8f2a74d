#include "storage/producer/producer_snapshot.hpp"

#include <algorithm>

#include "protocol/base/crc32c.hpp"
#include "storage/errc.hpp"
#include "storage/segment/segment_name.hpp"

namespace sluice::storage {
namespace {

constexpr std::int16_t kVersion = 1;
constexpr std::size_t kCrcAt = 2;
constexpr std::size_t kCountAt = 6;
constexpr std::size_t kHeaderBytes = 10;
constexpr std::size_t kEntryBytes = 46;

void encode_entry(std::byte* to, ProducerId id, const ProducerEntry& producer) {
  const auto last = producer.has_batches() ? producer.last_batch() : ProducerBatch{};
  store_be(to, id.value());
  store_be(to + 8, producer.epoch.value());
  store_be(to + 10, last.last_sequence);
  store_be(to + 14, last.last_offset.value());
  store_be(to + 22, last.offset_delta);
  store_be(to + 26, producer.last_timestamp.value());
  store_be(to + 34, producer.coordinator_epoch);
  store_be(to + 38, producer.transaction_start.value());
}

void decode_entry(const std::byte* from, ProducerState& state) {
  ProducerEntry producer;
  producer.epoch = ProducerEpoch{load_be<std::int16_t>(from + 8)};
  const ProducerBatch last{load_be<std::int32_t>(from + 10), Offset{load_be<std::int64_t>(from + 14)},
                           load_be<std::int32_t>(from + 22), Timestamp{load_be<std::int64_t>(from + 26)}};
  producer.last_timestamp = last.timestamp;
  producer.coordinator_epoch = load_be<std::int32_t>(from + 34);
  producer.transaction_start = Offset{load_be<std::int64_t>(from + 38)};
  if (last.last_offset >= Offset{0}) producer.add(last);
  state.restore(ProducerId{load_be<std::int64_t>(from)}, producer);
}

constexpr std::uint32_t kHistoryMagic = 0x534C4201;
constexpr std::size_t kHistoryHeaderBytes = 9;
constexpr std::size_t kHistoryBatchBytes = 24;

using Producers = std::vector<std::pair<ProducerId, const ProducerEntry*>>;

// Whether an entry alone would not bring the producer back as it is.
bool has_history(const ProducerEntry& producer) {
  return producer.batch_count() > 1 ||
         (producer.has_batches() && producer.last_batch().timestamp != producer.last_timestamp);
}

std::size_t history_bytes(const Producers& producers) {
  std::size_t bytes = 0;
  for (const auto& [id, producer] : producers) {
    if (has_history(*producer)) bytes += kHistoryHeaderBytes + producer->batch_count() * kHistoryBatchBytes;
  }
  return bytes == 0 ? 0 : bytes + sizeof kHistoryMagic;
}

void encode_history(std::byte* to, const Producers& producers) {
  store_be(to, kHistoryMagic);
  to += sizeof kHistoryMagic;
  for (const auto& [id, producer] : producers) {
    if (!has_history(*producer)) continue;
    store_be(to, id.value());
    store_be(to + 8, static_cast<std::int8_t>(producer->batch_count()));
    to += kHistoryHeaderBytes;
    for (std::size_t i = 0; i < producer->batch_count(); ++i, to += kHistoryBatchBytes) {
      const auto& batch = producer->batch(i);
      store_be(to, batch.last_sequence);
      store_be(to + 4, batch.last_offset.value());
      store_be(to + 12, batch.offset_delta);
      store_be(to + 16, batch.timestamp.value());
    }
  }
}

ProducerBatch decode_batch(const std::byte* from) {
  return {load_be<std::int32_t>(from), Offset{load_be<std::int64_t>(from + 4)}, load_be<std::int32_t>(from + 12),
          Timestamp{load_be<std::int64_t>(from + 16)}};
}

Result<> decode_history(ByteView bytes, ProducerState& state) {
  if (bytes.size() < sizeof kHistoryMagic || load_be<std::uint32_t>(bytes.data()) != kHistoryMagic)
    return Errc::corrupt_checkpoint;
  bytes = bytes.subspan(sizeof kHistoryMagic);
  while (!bytes.empty()) {
    if (bytes.size() < kHistoryHeaderBytes) return Errc::corrupt_checkpoint;
    const ProducerId id{load_be<std::int64_t>(bytes.data())};
    const auto count = static_cast<std::size_t>(std::max<int>(load_be<std::int8_t>(bytes.data() + 8), 0));
    bytes = bytes.subspan(kHistoryHeaderBytes);
    const auto known = state.producers().find(id);
    if (known == state.producers().end() || count == 0 || count > ProducerEntry::kBatchesMax ||
        bytes.size() < count * kHistoryBatchBytes)
      return Errc::corrupt_checkpoint;
    auto producer = known->second;
    producer.forget_batches();
    for (std::size_t i = 0; i < count; ++i) producer.add(decode_batch(bytes.data() + i * kHistoryBatchBytes));
    state.restore(id, producer);
    bytes = bytes.subspan(count * kHistoryBatchBytes);
  }
  return {};
}

}  // namespace

std::vector<std::byte> encode_producer_snapshot(const ProducerState& state) {
  Producers producers;
  for (const auto& [id, producer] : state.producers()) producers.emplace_back(id, &producer);
  std::sort(producers.begin(), producers.end());
  const auto history = history_bytes(producers);
  std::vector<std::byte> bytes(kHeaderBytes + producers.size() * kEntryBytes + history);
  store_be(bytes.data(), kVersion);
  store_be(bytes.data() + kCountAt, static_cast<std::int32_t>(producers.size()));
  auto* to = bytes.data() + kHeaderBytes;
  for (const auto& [id, producer] : producers) {
    encode_entry(to, id, *producer);
    to += kEntryBytes;
  }
  if (history > 0) encode_history(to, producers);
  store_be(bytes.data() + kCrcAt, crc32c(ByteView{bytes}.subspan(kCountAt)));
  return bytes;
}

Result<ProducerState> decode_producer_snapshot(ByteView bytes) {
  if (bytes.size() < kHeaderBytes || load_be<std::int16_t>(bytes.data()) != kVersion) return Errc::corrupt_checkpoint;
  if (load_be<std::uint32_t>(bytes.data() + kCrcAt) != crc32c(bytes.subspan(kCountAt))) return Errc::corrupt_checkpoint;
  const auto count = load_be<std::int32_t>(bytes.data() + kCountAt);
  if (count < 0 || (bytes.size() - kHeaderBytes) / kEntryBytes < static_cast<std::size_t>(count))
    return Errc::corrupt_checkpoint;
  ProducerState state;
  const auto entries_end = kHeaderBytes + static_cast<std::size_t>(count) * kEntryBytes;
  for (auto at = kHeaderBytes; at < entries_end; at += kEntryBytes) decode_entry(bytes.data() + at, state);
  if (entries_end < bytes.size()) {
    if (const auto decoded = decode_history(bytes.subspan(entries_end), state); !decoded) return decoded.error();
  }
  return state;
}

std::string ProducerSnapshots::path(Offset offset) const {
  return segment_path(directory_, offset, suffix::kProducerSnapshot);
}

std::optional<Offset> ProducerSnapshots::latest() const noexcept {
  if (offsets_.empty()) return std::nullopt;
  return offsets_.back();
}

// Whole or not at all, as far as a killed process goes; the log's sync makes it durable.
Result<> ProducerSnapshots::write(Offset offset, const ProducerState& state) {
  const auto temporary = path(offset) + std::string{suffix::kTemporary};
  {
    const auto file = fs_.open(temporary, OpenMode::create);
    if (!file) return file.error();
    const auto bytes = encode_producer_snapshot(state);
    if (const auto cut = (*file)->truncate(0); !cut) return cut.error();
    if (const auto written = (*file)->write_at(0, ByteView{bytes}); !written) return written.error();
  }
  if (const auto renamed = fs_.rename(temporary, path(offset)); !renamed) return renamed.error();
  const auto at = std::lower_bound(offsets_.begin(), offsets_.end(), offset);
  if (at == offsets_.end() || *at != offset) offsets_.insert(at, offset);
  if (!state.empty()) unsynced_.push_back(offset);
  return {};
}

bool ProducerSnapshots::is_unsynced(Offset offset) const noexcept {
  return std::find(unsynced_.begin(), unsynced_.end(), offset) != unsynced_.end();
}

Result<> ProducerSnapshots::sync(const std::vector<Offset>& offsets) const {
  for (const auto offset : offsets) {
    const auto file = fs_.open(path(offset), OpenMode::existing);
    if (!file && file.error() == std::errc::no_such_file_or_directory) continue;
    if (!file) return file.error();
    if (const auto synced = (*file)->sync_data(); !synced) return synced.error();
  }
  return {};
}

Result<std::optional<ProducerSnapshots::Loaded>> ProducerSnapshots::load_latest(Offset at_most) {
  while (true) {
    const auto above = std::upper_bound(offsets_.begin(), offsets_.end(), at_most);
    if (above == offsets_.begin()) return std::optional<Loaded>{};
    const auto offset = *(above - 1);
    const auto content = read_file(fs_, path(offset));
    if (!content && content.error() != std::errc::no_such_file_or_directory) return content.error();
    if (content) {
      if (auto state = decode_producer_snapshot(as_byte_view(*content)))
        return std::optional<Loaded>{Loaded{std::move(*state), offset}};
    }
    if (const auto removed = fs_.remove(path(offset)); !removed) return removed.error();
    offsets_.erase(above - 1);
  }
}

template <class Unwanted>
Result<> ProducerSnapshots::remove_if(Unwanted unwanted) {
  std::vector<Offset> kept;
  Result<> result;
  for (const auto offset : offsets_) {
    if (!unwanted(offset)) {
      kept.push_back(offset);
    } else if (const auto removed = fs_.remove(path(offset)); !removed) {
      result = removed.error();
      kept.push_back(offset);
    }
  }
  offsets_ = std::move(kept);
  return result;
}

Result<> ProducerSnapshots::remove_unreadable(Offset after) {
  const auto is_unreadable = [&](Offset offset) {
    const auto content = read_file(fs_, path(offset));
    return content && !decode_producer_snapshot(as_byte_view(*content));
  };
  return remove_if([&](Offset candidate) { return candidate > after && is_unreadable(candidate); });
}

Result<> ProducerSnapshots::remove_after(Offset offset) {
  return remove_if([&](Offset candidate) { return candidate > offset; });
}

Result<> ProducerSnapshots::remove_before(Offset offset) {
  return remove_if([&](Offset candidate) { return candidate < offset && candidate != offsets_.back(); });
}

Result<> ProducerSnapshots::remove_stray(const std::vector<Offset>& base_offsets) {
  return remove_if([&](Offset candidate) {
    return candidate != offsets_.back() && !std::binary_search(base_offsets.begin(), base_offsets.end(), candidate);
  });
}

}  // namespace sluice::storage
