#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace sluice::broker::admin {

/// Whether clients should be sent here, and if not, why. Begins as not ready: "starting".
///
/// Threading: any thread sets and asks.
class Readiness {
 public:
  void set_ready() { set(std::nullopt); }
  void set_not_ready(std::string reason) { set(std::move(reason)); }

  /// Nothing when ready.
  std::optional<std::string> reason_not_ready() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

 private:
  void set(std::optional<std::string> reason) {
    const std::lock_guard lock(mutex_);
    reason_ = std::move(reason);
  }

  mutable std::mutex mutex_;
  std::optional<std::string> reason_ = "starting";
};

}  // namespace sluice::broker::admin
