#pragma once

#include <chrono>

#include "protocol/base/ids.hpp"

namespace sluice::broker {

/// The time that records and logs carry.
inline Timestamp wall_clock_now() {
  using namespace std::chrono;
  return Timestamp{duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

}  // namespace sluice::broker
