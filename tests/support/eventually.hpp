#pragma once

#include <chrono>
#include <thread>

namespace sluice::test {

/// Waits until `holds` does, for as long as a slow machine may need; false when it never did.
template <class Condition>
bool eventually(Condition&& holds, std::chrono::milliseconds within = std::chrono::seconds{10}) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

}  // namespace sluice::test
