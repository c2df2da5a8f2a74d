#include "storage/wal/batch_codec.hpp"

#include <array>

namespace sluice::storage::wal {
namespace {

constexpr std::size_t kRecordOverheadMax = 32;  // varints around a payload or a key

}  // namespace

std::size_t encoded_bytes_max(std::span<const ByteView> payloads) noexcept {
  auto bytes = kRunKeyBytes;
  for (const auto& payload : payloads) bytes += payload.size() + kRecordOverheadMax;
  return bytes;
}

void BatchEncoder::begin(Offset base_offset, Offset durable_end) {
  builder_.reset({.base_offset = base_offset});
  durable_end_ = durable_end;
}

void BatchEncoder::add_run(RunKind kind, const Unit& unit, Sequence sequence, std::optional<ByteView> value) {
  std::array<std::byte, kRunKeyBytes> key;
  key[0] = static_cast<std::byte>(kind);
  key[1] = static_cast<std::byte>(unit.name_space);
  store_be(key.data() + 2, unit.region);
  store_be(key.data() + 10, unit.table);
  store_be(key.data() + 18, sequence.value());
  store_be(key.data() + 26, durable_end_.value());
  builder_.append({.key = ByteView{key}, .value = value});
}

void BatchEncoder::add_entries(const Unit& unit, Sequence first, std::span<const ByteView> payloads) {
  if (payloads.empty()) return;
  add_run(RunKind::entries, unit, first, payloads.front());
  for (const auto& payload : payloads.subspan(1)) builder_.append({.value = payload});
}

void BatchEncoder::add_mark(const Unit& unit, Sequence deleted_up_to) {
  add_run(RunKind::mark, unit, deleted_up_to, std::nullopt);
}

void BatchEncoder::add_carried(const Unit& unit, Sequence next, Sequence deleted_up_to) {
  std::array<std::byte, 8> value;
  store_be(value.data(), deleted_up_to.value());
  add_run(RunKind::carried, unit, next, ByteView{value});
}

void BatchEncoder::add_synced() { add_run(RunKind::synced, {}, kNoSequence, std::nullopt); }

BatchDecoder::BatchDecoder(const record::BatchView& batch) noexcept
    : records_(batch.records(), batch.record_count()),
      sound_(batch.compression() == record::Compression::none && batch.record_count() > 0) {}

Result<std::optional<Item>> BatchDecoder::next() {
  if (!sound_) return Errc::corrupt;
  const auto record = records_.next();
  if (!record) return Errc::corrupt;
  if (!*record) return std::optional<Item>{};
  if ((*record)->key) {
    if (!begin_run(*(*record)->key)) return Errc::corrupt;
  } else {
    if (!in_run_ || item_.kind != RunKind::entries || item_.sequence == kMaxSequence) return Errc::corrupt;
    item_.sequence = item_.sequence + 1;
  }
  const auto value = (*record)->value;
  if (item_.kind == RunKind::entries) {
    if (!value) return Errc::corrupt;
    item_.payload = *value;
  }
  if (item_.kind == RunKind::carried) {
    if (!value || value->size() != sizeof(std::uint64_t)) return Errc::corrupt;
    item_.deleted_up_to = Sequence{load_be<std::uint64_t>(value->data())};
    if (item_.deleted_up_to >= item_.sequence) return Errc::corrupt;
  }
  return std::optional<Item>{item_};
}

bool BatchDecoder::begin_run(ByteView key) {
  if (key.size() != kRunKeyBytes || key[0] > static_cast<std::byte>(RunKind::synced)) return false;
  item_ = {};
  item_.kind = static_cast<RunKind>(key[0]);
  item_.unit = {std::to_integer<std::uint8_t>(key[1]), load_be<std::uint64_t>(key.data() + 2),
                load_be<std::uint64_t>(key.data() + 10)};
  item_.sequence = Sequence{load_be<std::uint64_t>(key.data() + 18)};
  item_.durable_end = Offset{load_be<std::int64_t>(key.data() + 26)};
  in_run_ = true;
  // Sequences count from 1 and one past the last must exist.
  if (item_.kind == RunKind::synced) return true;
  return item_.sequence > kNoSequence && item_.sequence < kMaxSequence;
}

}  // namespace sluice::storage::wal
