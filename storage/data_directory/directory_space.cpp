#include "storage/data_directory/directory_space.hpp"

#include <algorithm>
#include <limits>

namespace sluice::storage {
namespace {

constexpr std::uint64_t kReserveShare = 20;
constexpr std::uint64_t kReserveMax = std::uint64_t{256} << 20;
constexpr std::int64_t kMarginMin = std::int64_t{1} << 20;  // where the reserve is nothing

std::int64_t signed_bytes(std::uint64_t bytes) noexcept {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(bytes, std::numeric_limits<std::int64_t>::max() / 2));
}

}  // namespace

std::uint64_t DirectorySpace::default_reserve(std::uint64_t total) noexcept {
  return std::min(total / kReserveShare, kReserveMax);
}

void DirectorySpace::look(const FileSystem::Space& space) noexcept {
  auto reserve = reserve_.load(std::memory_order_relaxed);
  if (reserve < 0) reserve = signed_bytes(default_reserve(space.total));
  const auto room = signed_bytes(space.available) - reserve;
  room_.store(room, std::memory_order_relaxed);
  const auto margin = is_full() ? std::max(reserve / 4, kMarginMin) : 0;
  full_.store(room <= margin, std::memory_order_relaxed);
}

}  // namespace sluice::storage
