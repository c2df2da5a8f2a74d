#include "broker/descriptor_limit.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

namespace sluice::broker {
namespace {

constexpr std::size_t kDescriptorsPerSegment = 3;  // the log and two indexes, each of which is mapped too
constexpr std::size_t kOpenSegmentsMin = 64;
constexpr std::size_t kOpenSegmentsMax = 16'384;  // half of vm.max_map_count's usual 65,530 mappings

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) spdlog::warn("can't raise the limit of open files");
}

std::size_t open_segments_max() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kOpenSegmentsMin;
  return std::clamp<std::size_t>(limit.rlim_cur / 2 / kDescriptorsPerSegment, kOpenSegmentsMin, kOpenSegmentsMax);
}

}  // namespace sluice::broker
