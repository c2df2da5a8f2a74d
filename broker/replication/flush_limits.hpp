#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include "broker/config/topic_settings.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::broker::replication {

/// When a partition's data has to be on the disk: with every append (`sluice.durability=fsync`, flush.messages=1), or
/// after flush.messages records or flush.ms at the latest, which say nothing about acknowledgements.
///
/// Threading: any; a few atomics.
class FlushLimits {
 public:
  explicit FlushLimits(const config::TopicSettings& settings) noexcept { set(settings); }

  void set(const config::TopicSettings& settings) noexcept {
    syncs_every_append_.store(settings.durability == config::Durability::fsync || settings.flush_messages == 1,
                              std::memory_order_relaxed);
    messages_.store(settings.flush_messages.value_or(kNever), std::memory_order_relaxed);
    const auto ms = settings.flush_ms ? std::int64_t{settings.flush_ms->count()} : kNever;
    ms_.store(ms <= kMsMax ? ms : kNever, std::memory_order_relaxed);
  }

  bool syncs_every_append() const noexcept { return syncs_every_append_.load(std::memory_order_relaxed); }

  /// Whether so many records are not synced that a sync is to be asked for now; said once for each.
  bool has_enough(Offset log_end, Offset synced_end) noexcept {
    const auto most = messages_.load(std::memory_order_relaxed);
    if (most == kNever) return false;
    const Offset asked_for{asked_for_.load(std::memory_order_relaxed)};
    if (log_end - std::max(asked_for, synced_end) < most) return false;
    asked_for_.store(log_end.value(), std::memory_order_relaxed);
    return true;
  }
  /// How long from now a sync is due; nullopt: never, or that has been arranged already.
  std::optional<std::chrono::milliseconds> schedule() noexcept {
    const auto ms = ms_.load(std::memory_order_relaxed);
    // Acquire and release: whoever takes the mark next sees our append, or finds it gone and we set it anew.
    if (ms == kNever || is_scheduled_.exchange(true, std::memory_order_acq_rel)) return std::nullopt;
    return std::chrono::milliseconds{ms};
  }
  /// It is due, or for later than it may be now.
  void unschedule() noexcept { is_scheduled_.exchange(false, std::memory_order_acq_rel); }
  /// The log is shorter now.
  void on_cut(Offset log_end) noexcept {
    if (asked_for_.load(std::memory_order_relaxed) > log_end.value())
      asked_for_.store(log_end.value(), std::memory_order_relaxed);
  }

 private:
  static constexpr auto kNever = std::numeric_limits<std::int64_t>::max();
  // What lies further off is as good as never, and would overflow a point in time.
  static constexpr std::int64_t kMsMax = std::chrono::milliseconds{std::chrono::hours{24} * 365}.count();

  std::atomic<bool> syncs_every_append_;
  std::atomic<std::int64_t> messages_;
  std::atomic<std::int64_t> ms_;
  std::atomic<std::int64_t> asked_for_{0};  // the log end when flush.messages was last reached
  std::atomic<bool> is_scheduled_{false};
};

}  // namespace sluice::broker::replication
