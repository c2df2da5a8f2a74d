#include "storage/segment/tolerant_walk.hpp"

#include "storage/errc.hpp"

namespace sluice::storage {

Result<std::optional<HeaderWalker::Step>> next_or_past_damage(Segment& segment, HeaderWalker& walker,
                                                              Offset& expected) {
  while (true) {
    const auto step = walker.next();
    if (!step && step.error() != Errc::corrupt_batch) return step;
    if (step && !*step) return step;
    if (step && (*step)->header.base_offset() >= expected) {
      expected = (*step)->header.next_offset();
      return step;
    }
    const auto damage = segment.find_damage_end(step ? (*step)->position : walker.position(), expected);
    if (!damage) return damage.error();
    walker.go_on_at(damage->end_position);
    expected = damage->next_offset;
  }
}

}  // namespace sluice::storage
