#include "storage/segment/tolerant_walk.hpp"

#include "storage/errc.hpp"

namespace sluice::storage {

Result<std::optional<HeaderWalker::Step>> next_or_past_damage(Segment& segment, HeaderWalker& walker,
                                                              Offset& expected) {
  bool examined = false;
  while (true) {
    const auto step = walker.next();
    if (!step && step.error() != Errc::corrupt_batch) return step;
    if (step && !*step) return step;
    // What is out of line may be sound, and the one before it not: then it is believed the second time.
    if (step && ((*step)->header.base_offset() >= expected || examined)) {
      expected = (*step)->header.next_offset();
      return step;
    }
    if (examined) return Errc::corrupt_batch;
    const auto position = step ? (*step)->position : walker.position();
    if (const auto found = segment.find_damage(); !found) return found.error();
    walker.go_on_at(position, segment.integrity()->damage());
    examined = true;
  }
}

}  // namespace sluice::storage
