#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace sluice::broker::node {

/// Notices that a disk hangs: that some work on it, which ends in a moment where all is well, goes on for too long. A
/// hung disk returns no error, and leaves heartbeats alone.
///
/// Threading: `watch` comes first; `look` on one thread.
class StallWatch {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  /// Since when the work has been going on; nullopt: it is not.
  using Since = std::function<std::optional<Instant>()>;

  /// `work` lives as long as the program, and completes "has been ... for so long".
  void watch(std::chrono::milliseconds longest, std::string_view work, Since since);

  /// Whether any work takes longer than it may. Logs when that begins and ends.
  bool look(Instant now);

 private:
  struct Watched {
    std::chrono::milliseconds longest;
    std::string_view work;
    Since since;
    bool is_stalled = false;
  };

  std::vector<Watched> watched_;
};

}  // namespace sluice::broker::node
