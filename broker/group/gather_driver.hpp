#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace sluice::broker::group {

/// Collects answers that come on several threads, and passes them on when the last is there. With none to wait for, at
/// once.
template <class Item>
class Gather {
 public:
  using Done = std::function<void(std::vector<Item>)>;

  Gather(std::size_t count, Done done) : items_(count), missing_(count), done_(std::move(done)) {
    if (count == 0) done_({});
  }

  /// Once for each index.
  void put(std::size_t index, Item item) {
    {
      const std::lock_guard lock{mutex_};
      items_[index] = std::move(item);
      if (--missing_ > 0) return;
    }
    done_(std::move(items_));
  }

 private:
  std::mutex mutex_;
  std::vector<Item> items_;
  std::size_t missing_;
  Done done_;
};

}  // namespace sluice::broker::group
