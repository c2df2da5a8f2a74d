#include "storage/segment/segment_reader.hpp"

#include <algorithm>

#include "storage/errc.hpp"
#include "storage/segment/header_walker.hpp"

namespace sluice::storage {
namespace {

struct Cut {
  std::uint32_t position;
  Offset next_offset;
};

/// Whether the index led astray: the batch of an entry begins at or below the entry's offset, which is no larger than
/// what was looked for. Bits of an index rot too, and nothing else guards them.
bool is_astray(const Result<std::optional<HeaderWalker::Step>>& first, Offset sought, std::uint64_t position_max) {
  if (!first) return first.error() != Errc::not_cached;
  return !*first || (*first)->header.base_offset() > sought || (*first)->position > position_max;
}

// Where the slice ends when it does not reach the segment's end: walks from the index entry nearest below both limits.
Result<Cut> find_cut(Segment& segment, const SliceRequest& request, Cut after_first, std::uint64_t limit,
                     std::uint32_t segment_size) {
  const auto below_end = segment.floor_position(request.end - 1);
  if (!below_end) return below_end.error();
  const auto below_limit =
      segment.batch_start_below(static_cast<std::uint32_t>(std::min<std::uint64_t>(limit, segment_size)));
  if (!below_limit) return below_limit.error();
  auto cut = after_first;
  const auto floor = std::max(cut.position, std::min(*below_end, *below_limit));
  HeaderWalker walker{segment.file(), floor, segment_size, request.mode};
  auto step = walker.next();
  if (floor > cut.position && is_astray(step, request.end - 1, limit)) {
    walker.go_on_at(cut.position, nullptr);
    step = walker.next();
  }
  for (;; step = walker.next()) {
    if (!step) return step.error();
    if (!*step) return cut;
    const auto& header = (*step)->header;
    if (header.base_offset() < cut.next_offset) return Errc::corrupt_batch;  // a reader would go in circles
    if ((*step)->end() > limit || header.last_offset() >= request.end)
      return Cut{(*step)->position, header.base_offset()};
    cut = {(*step)->end(), header.next_offset()};
  }
}

}  // namespace

Result<std::optional<LogSlice>> read_slice(Segment& segment, const SliceRequest& request) {
  const LogSlice nothing{nullptr, 0, 0, request.from};
  auto end = segment.end();
  if (end.next_offset <= request.from) return std::optional<LogSlice>{};
  if (request.mode == ReadMode::cached_only && !segment.can_look_up_at_once()) return Errc::not_cached;
  const auto floor = segment.floor_position(request.from);
  if (!floor) return floor.error();
  // To whoever reads before it, the segment ends where damage begins.
  bool ends_damaged = false;
  if (const auto damage = segment.integrity()->damage()) {
    if (const auto* range = damage->find_from(request.from)) {
      if (range->holds(request.from)) return Errc::corrupt_batch;
      end = {range->position, range->first_offset};
      ends_damaged = true;
    }
  }

  HeaderWalker walker{segment.file(), *floor, end.size, request.mode};
  const auto is_passed = [&](const record::BatchView& header) {
    return header.last_offset() < request.from || (request.skips_empty_batches && header.record_count() == 0);
  };
  auto first = walker.next();
  if (*floor > 0 && is_astray(first, request.from, end.size)) {
    walker.go_on_at(0, nullptr);
    first = walker.next();
  }
  while (first && *first && is_passed((*first)->header)) first = walker.next();
  if (!first) return first.error();
  if (!*first && ends_damaged) return Errc::corrupt_batch;
  if (!*first) return std::optional<LogSlice>{};
  const auto start = (*first)->position;
  const auto first_size = (*first)->header.size();
  if ((*first)->header.last_offset() >= request.end) return std::optional{nothing};
  if (first_size > request.bytes_max && !request.at_least_one_batch) return std::optional{nothing};

  const Cut after_first{(*first)->end(), (*first)->header.next_offset()};
  const auto limit = start + std::uint64_t{std::max(request.bytes_max, first_size)};
  Cut cut{end.size, end.next_offset};
  if (first_size >= request.bytes_max) {
    cut = after_first;
  } else if (end.size > limit || end.next_offset > request.end) {
    const auto found = find_cut(segment, request, after_first, limit, end.size);
    if (!found) return found.error();
    cut = *found;
  }
  auto file = segment.file().open();
  if (!file) return file.error();
  return std::optional{LogSlice{std::move(*file), start, cut.position - start, cut.next_offset, segment.integrity()}};
}

}  // namespace sluice::storage
