#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "broker/server/io_thread.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::broker::controller {
class MetadataImage;
}

namespace sluice::broker::peer {

/// Brokers whose connection to this one has just ended, and of whom the metadata does not say yet that they are gone.
///
/// A client whose connection to a leader ends asks another broker at once who leads now, sooner than a controller can
/// decide it. Told the leader that it has just lost, it asks again only after a while (librdkafka: up to a second). So
/// an answer that would name such a broker waits until it is known what became of it: a few milliseconds, at most
/// kLongest.
///
/// Threading: any.
class LostBrokers {
 public:
  /// From the loss on. Longer means that there is no controller, and that it is not known when there will be.
  static constexpr std::chrono::milliseconds kLongest{300};

  /// `thread` ends the waiting; it outlives this, or is stopped before.
  explicit LostBrokers(IoThread& thread) : thread_(thread) {}
  LostBrokers(const LostBrokers&) = delete;
  LostBrokers& operator=(const LostBrokers&) = delete;

  void note_lost(BrokerId broker);
  void note_found(BrokerId broker);
  /// Those that are fenced in it, or not in it, are lost for certain. Pre: everybody sees the image.
  void apply(const controller::MetadataImage& image);
  /// Whoever waits goes on, and nobody waits any more.
  void stop();

  bool any() const noexcept { return any_.load(std::memory_order_acquire); }
  bool contains(BrokerId broker) const;
  /// Calls `settled` once none is left: at once, or on any thread.
  void when_settled(std::function<void()> settled);

 private:
  using Waiting = std::vector<std::function<void()>>;
  void forget(BrokerId broker);
  Waiting take_settled();

  IoThread& thread_;
  std::map<BrokerId, std::unique_ptr<Timer>> timers_;  // on the thread

  mutable std::mutex mutex_;
  std::vector<BrokerId> lost_;
  Waiting waiting_;
  bool stopped_ = false;
  std::atomic<bool> any_{false};
};

}  // namespace sluice::broker::peer
