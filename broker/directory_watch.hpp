#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "storage/log_manager.hpp"

namespace sluice::broker::metrics {
struct BrokerMetrics;
}

namespace sluice::broker {

/// Tells of data directories that fail, fill up and have room again: a line in the log for each event, two metrics, and
/// a call for whoever has to act.
///
/// Threading: `look` from one thread; a failure is reported on the thread that found it.
class DirectoryWatch {
 public:
  struct Listeners {
    std::function<void()> on_failure;  ///< on any thread, with locks held: may only schedule work
    std::function<void()> on_full;     ///< on the thread of `look`; again every second look while it lasts
  };

  /// Before logs are opened. Tells of directories that are offline already.
  DirectoryWatch(storage::LogManager& logs, metrics::BrokerMetrics& metrics, std::optional<std::uint64_t> reserve_bytes,
                 Listeners listeners);
  ~DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  /// Once a second, and before the first record is taken: asks the disks for their space.
  void look();

 private:
  void tell_of_start() const;

  storage::LogManager& logs_;
  metrics::BrokerMetrics& metrics_;
  const std::optional<std::uint64_t> reserve_bytes_;
  const Listeners listeners_;
  std::map<std::string, bool> full_;  // as told last
  int looks_while_full_ = 0;
};

}  // namespace sluice::broker
