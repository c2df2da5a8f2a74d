#pragma once

#include <cstdint>
#include <vector>

#include "protocol/wire/writer.hpp"
#include "storage/segment/log_slice.hpp"

namespace sluice::broker {

/// One encoded response frame, size prefix included: bytes, and file ranges that belong between them.
struct OutgoingResponse {
  std::vector<std::byte> bytes{};
  std::vector<wire::Splice> splices{};      ///< ascending `at`: where in `bytes` each of `slices` is inserted
  std::vector<storage::LogSlice> slices{};  ///< as many as `splices`, of the same sizes
};

}  // namespace sluice::broker
