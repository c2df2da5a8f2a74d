#pragma once

#include <array>
#include <atomic>
#include <cstddef>

namespace sluice::broker::metrics {

/// Threads share a shard only where there are more of them than shards, and then merely contend for a cache line.
inline constexpr std::size_t kShards = 16;
inline constexpr std::size_t kCacheLineBytes = 64;

namespace detail {
inline std::atomic<std::size_t> next_shard{0};
}

/// The shard of the calling thread: handed out round robin, the same for its whole life.
inline std::size_t shard_of_this_thread() noexcept {
  thread_local const std::size_t shard = detail::next_shard.fetch_add(1, std::memory_order_relaxed) % kShards;
  return shard;
}

/// One `Cells` a shard, each on cache lines of its own. `Cells` holds relaxed atomics; readers add the shards up, so a
/// sum taken while threads write is of no single instant, which is all a scrape needs.
template <class Cells>
class Sharded {
 public:
  Cells& mine() noexcept { return shards_[shard_of_this_thread()].cells; }

  template <class Value, class Read>
  Value sum(Read read) const noexcept {
    Value total{};
    for (const auto& shard : shards_) total += read(shard.cells);
    return total;
  }

 private:
  struct alignas(kCacheLineBytes) Shard {
    Cells cells{};
  };
  std::array<Shard, kShards> shards_{};
};

}  // namespace sluice::broker::metrics
