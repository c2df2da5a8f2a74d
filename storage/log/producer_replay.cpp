#include "storage/log/producer_replay.hpp"

#include "storage/segment/batch_reader.hpp"
#include "storage/segment/tolerant_walk.hpp"

namespace sluice::storage {
namespace {

Result<> replay_segment(Segment& segment, Offset from, ProducerState& producers, const OnEnded& on_ended) {
  const auto position = segment.floor_position(from);
  if (!position) return position.error();
  HeaderWalker walker{segment.file(), *position, segment.size(), ReadMode::may_wait, segment.integrity()->damage()};
  auto expected = segment.base_offset();
  std::vector<std::byte> buffer;
  while (true) {
    const auto step = next_or_past_damage(segment, walker, expected);
    if (!step) return step.error();
    if (!*step) return {};
    const auto& header = (*step)->header;
    if (header.base_offset() < from || !header.has_producer()) continue;
    if (!header.is_control()) {
      producers.apply(header);
      continue;
    }
    const auto marker = read_batch(segment.file(), (*step)->position, header.size(), buffer);
    if (!marker) return marker.error();
    if (const auto ended = producers.apply(*marker)) on_ended(segment, *ended);
  }
}

}  // namespace

Result<> replay_producers(const SegmentList& list, Offset from, ProducerState& producers, const OnEnded& on_ended) {
  for (auto i = find_floor(list, from).value_or(0); i < list.size(); ++i) {
    if (list[i]->size() == 0 || (i + 1 == list.size() && from >= list[i]->end().next_offset)) continue;
    if (const auto replayed = replay_segment(*list[i], from, producers, on_ended); !replayed) return replayed.error();
  }
  return {};
}

}  // namespace sluice::storage
