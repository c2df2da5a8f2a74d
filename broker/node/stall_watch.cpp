#include "broker/node/stall_watch.hpp"

#include <spdlog/spdlog.h>
#include <utility>

namespace sluice::broker::node {

void StallWatch::watch(std::chrono::milliseconds longest, std::string_view work, Since since) {
  watched_.push_back({longest, work, std::move(since)});
}

bool StallWatch::look(Instant now) {
  bool any = false;
  for (auto& watched : watched_) {
    const auto since = watched.since();
    const bool is_stalled = since && now - *since > watched.longest;
    any = any || is_stalled;
    if (std::exchange(watched.is_stalled, is_stalled) == is_stalled) continue;
    if (is_stalled) {
      spdlog::error("a disk seems to hang: this broker has been {} for {} ms; others are to lead its partitions",
                    watched.work, std::chrono::duration_cast<std::chrono::milliseconds>(now - *since).count());
    } else {
      spdlog::info("the disk goes on: this broker is done {}", watched.work);
    }
  }
  return any;
}

}  // namespace sluice::broker::node
