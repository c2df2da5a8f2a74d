#include "broker/run_all.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

namespace sluice::broker {

void run_all(std::vector<std::function<void()>> jobs, std::size_t threads) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (auto at = next.fetch_add(1); at < jobs.size(); at = next.fetch_add(1)) jobs[at]();
  };
  std::vector<std::thread> helpers;
  for (std::size_t i = 1; i < std::min(threads, jobs.size()); ++i) helpers.emplace_back(work);
  work();
  for (auto& helper : helpers) helper.join();
}

}  // namespace sluice::broker
