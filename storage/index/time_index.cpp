#include "storage/index/time_index.hpp"

#include <array>

#include "protocol/base/bytes.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {

TimestampOffset TimeIndex::entry(std::uint32_t index) const noexcept {
  const auto* bytes = file_.entry(index);
  return {Timestamp{load_be<std::int64_t>(bytes)}, base_offset_ + load_be<std::int32_t>(bytes + 8)};
}

std::optional<TimestampOffset> TimeIndex::last() const noexcept {
  const auto count = file_.count();
  if (count == 0) return std::nullopt;
  return entry(count - 1);
}

TimestampOffset TimeIndex::lower_entry(Timestamp target) const noexcept {
  std::uint32_t low = 0;
  std::uint32_t high = file_.count();
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    if (entry(middle).timestamp <= target)
      low = middle + 1;
    else
      high = middle;
  }
  return low == 0 ? TimestampOffset{kNoTimestamp, base_offset_} : entry(low - 1);
}

void TimeIndex::append_if_later(TimestampOffset entry) noexcept {
  const auto previous = last();
  if (entry.timestamp <= (previous ? previous->timestamp : kNoTimestamp)) return;
  std::array<std::byte, kEntryBytes> bytes;
  store_be(bytes.data(), entry.timestamp.value());
  store_be(bytes.data() + 8, static_cast<std::int32_t>(entry.offset - base_offset_));
  file_.append(bytes.data());
}

void TimeIndex::truncate_to(Offset offset) noexcept {
  auto kept = file_.count();
  while (kept > 0 && entry(kept - 1).offset >= offset) --kept;
  file_.keep(kept);
}

Result<> TimeIndex::check() const noexcept {
  const auto last_entry = last();
  if (!last_entry) return {};
  const auto first = entry(0);
  if (first.offset < base_offset_ || last_entry->offset < first.offset || last_entry->timestamp < first.timestamp)
    return Errc::corrupt_index;
  if (count() > 1 && last_entry->timestamp <= entry(count() - 2).timestamp) return Errc::corrupt_index;
  return {};
}

std::uint32_t TimeIndex::count_ascending(Offset last_offset) const noexcept {
  TimestampOffset previous{kNoTimestamp, base_offset_ - 1};
  std::uint32_t i = 0;
  for (; i < count(); ++i) {
    const auto next = entry(i);
    if (next.timestamp <= previous.timestamp || next.offset <= previous.offset || next.offset > last_offset) break;
    previous = next;
  }
  return i;
}

}  // namespace sluice::storage
