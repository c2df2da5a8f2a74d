#include "storage/producer/unstable_transactions.hpp"

#include <algorithm>

namespace sluice::storage {

void UnstableTransactions::set_first_open(std::optional<Offset> first_offset) {
  const auto first = first_offset.value_or(kNone);
  if (first == first_open_) return;
  const std::lock_guard lock{mutex_};
  first_open_ = first;
  publish();
}

void UnstableTransactions::end(const Ended& ended) {
  const std::lock_guard lock{mutex_};
  ended_.push_back(ended);
  first_ended_ = std::min(first_ended_, ended.first_offset);
  publish();
}

void UnstableTransactions::truncate_to(Offset end, std::optional<Offset> first_open) {
  const std::lock_guard lock{mutex_};
  std::erase_if(ended_, [&](const Ended& ended) { return ended.marker >= end; });
  find_first_ended();
  first_open_ = first_open.value_or(kNone);
  publish();
}

// A marker below anybody's high watermark is decided for good, so that forgetting it is right for all readers. The
// marker is looked at first: what is unstable only rises once it was passed.
Offset UnstableTransactions::last_stable_offset(Offset high_watermark) const {
  if (first_marker_.load(std::memory_order_acquire) < high_watermark.value()) {
    const std::lock_guard lock{mutex_};
    const auto undecided =
        std::find_if(ended_.begin(), ended_.end(), [&](const Ended& ended) { return ended.marker >= high_watermark; });
    ended_.erase(ended_.begin(), undecided);
    if (ended_.empty()) ended_.shrink_to_fit();
    find_first_ended();
    publish();
  }
  return std::min(high_watermark, Offset{first_unstable_.load(std::memory_order_acquire)});
}

void UnstableTransactions::find_first_ended() const {
  first_ended_ = kNone;
  for (const auto& ended : ended_) first_ended_ = std::min(first_ended_, ended.first_offset);
}

void UnstableTransactions::publish() const {
  first_unstable_.store(std::min(first_open_, first_ended_).value(), std::memory_order_release);
  first_marker_.store((ended_.empty() ? kNone : ended_.front().marker).value(), std::memory_order_release);
}

}  // namespace sluice::storage
