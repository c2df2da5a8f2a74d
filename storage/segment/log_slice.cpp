#include "storage/segment/log_slice.hpp"

#include <algorithm>
#include <vector>

#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

constexpr std::size_t kLoadStepBytes = 256U << 10;  // stays in the processor's cache while it is thrown away

}  // namespace

int LogSlice::descriptor() const noexcept { return file ? file->descriptor() : -1; }

Result<> LogSlice::read(MutableBytes into, ReadMode mode) const {
  if (empty()) return {};
  const auto part = into.first(size);
  const auto got = mode == ReadMode::cached_only ? file->read_cached_at(position, part) : file->read_at(position, part);
  if (!got) return got.error();
  if (*got != size) return Errc::corrupt_batch;
  return {};
}

bool LogSlice::is_cached(std::uint32_t from, std::uint32_t bytes_max) const noexcept {
  return from >= size || file->is_cached(std::uint64_t{position} + from, std::min(size - from, bytes_max));
}

void LogSlice::read_ahead() const noexcept {
  if (!empty()) file->read_ahead(position, size);
}

// The system is told of all of it first, so that the device sees the requests at once; reading is what waits for them.
Result<> LogSlice::load(std::uint32_t from, std::uint32_t bytes_max) const {
  if (from >= size) return {};
  const auto bytes = std::min(size - from, bytes_max);
  file->read_ahead(std::uint64_t{position} + from, bytes);
  static thread_local std::vector<std::byte> thrown_away(kLoadStepBytes);
  for (std::uint32_t at = 0; at < bytes; at += kLoadStepBytes) {
    const auto step = MutableBytes{thrown_away}.first(std::min<std::size_t>(bytes - at, kLoadStepBytes));
    const auto got = file->read_at(std::uint64_t{position} + from + at, step);
    if (!got) return got.error();
    if (*got != step.size()) return Errc::corrupt_batch;
  }
  return {};
}

bool LogSlice::is_rest_cached(std::uint32_t bytes) const noexcept {
  const auto next = std::uint64_t{position} + size;
  return empty() || bytes == 0 || file->is_cached(next + bytes - 1, 1);
}

void LogSlice::read_ahead_rest(std::uint32_t bytes) const noexcept {
  if (!empty()) file->read_ahead(std::uint64_t{position} + size, bytes);
}

}  // namespace sluice::storage
