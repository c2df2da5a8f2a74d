#include "storage/index/offset_index.hpp"

#include <array>

#include "protocol/base/assert.hpp"
#include "protocol/base/bytes.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

// Number of leading entries that satisfy `holds`, which is true for a prefix.
template <class Holds>
std::uint32_t partition_entries(std::uint32_t count, Holds holds) noexcept {
  std::uint32_t low = 0;
  while (low < count) {
    const auto middle = low + (count - low) / 2;
    if (holds(middle))
      low = middle + 1;
    else
      count = middle;
  }
  return low;
}

}  // namespace

OffsetPosition OffsetIndex::entry(std::uint32_t index) const noexcept {
  const auto* bytes = file_.entry(index);
  return {base_offset_ + load_be<std::int32_t>(bytes), load_be<std::uint32_t>(bytes + 4)};
}

std::optional<OffsetPosition> OffsetIndex::last() const noexcept {
  const auto count = file_.count();
  if (count == 0) return std::nullopt;
  return entry(count - 1);
}

OffsetPosition OffsetIndex::lower_entry(Offset target) const noexcept {
  const auto found = partition_entries(file_.count(), [&](std::uint32_t i) { return entry(i).offset <= target; });
  return found == 0 ? OffsetPosition{base_offset_, 0} : entry(found - 1);
}

OffsetPosition OffsetIndex::entry_at_position(std::uint32_t position) const noexcept {
  const auto found = partition_entries(file_.count(), [&](std::uint32_t i) { return entry(i).position <= position; });
  return found == 0 ? OffsetPosition{base_offset_, 0} : entry(found - 1);
}

void OffsetIndex::append(OffsetPosition entry) noexcept {
  const auto previous = last();
  SLUICE_ASSERT(!previous || (previous->offset < entry.offset && previous->position < entry.position), entry.offset,
                entry.position);
  std::array<std::byte, kEntryBytes> bytes;
  store_be(bytes.data(), static_cast<std::int32_t>(entry.offset - base_offset_));
  store_be(bytes.data() + 4, entry.position);
  file_.append(bytes.data());
}

void OffsetIndex::truncate_to(Offset offset) noexcept {
  file_.keep(partition_entries(file_.count(), [&](std::uint32_t i) { return entry(i).offset < offset; }));
}

Result<> OffsetIndex::check(std::uint64_t log_bytes) const noexcept {
  const auto last_entry = last();
  if (!last_entry) return {};
  const auto first = entry(0);
  if (first.offset < base_offset_ || last_entry->offset < first.offset || last_entry->position < first.position)
    return Errc::corrupt_index;
  if (last_entry->position >= log_bytes) return Errc::corrupt_index;
  // Kafka's rule: a zero tail, left by a crash, shows as a last entry that does not ascend.
  if (count() > 1 && (last_entry->offset <= entry(count() - 2).offset || last_entry->position == 0))
    return Errc::corrupt_index;
  return {};
}

std::uint32_t OffsetIndex::count_ascending(std::uint32_t log_bytes, Offset end) const noexcept {
  OffsetPosition previous{base_offset_ - 1, 0};
  std::uint32_t i = 0;
  for (; i < count(); ++i) {
    const auto next = entry(i);
    if (next.offset <= previous.offset || next.position <= previous.position || next.position >= log_bytes ||
        next.offset >= end)
      break;
    previous = next;
  }
  return i;
}

}  // namespace sluice::storage
