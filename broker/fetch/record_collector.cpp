#include "broker/fetch/record_collector.hpp"

#include <algorithm>

namespace sluice::broker::fetch {
namespace {

using storage::LogSlice;
using storage::ReadMode;

/// Below this, copying records into the response costs less than a second system call for sendfile.
constexpr std::uint32_t kCopiedBytesMax = 16 * 1024;
/// Of one response: many are on their way to a client that asks faster than it reads.
constexpr std::size_t kCopiedBytesTotalMax = 256 * 1024;
/// Of one response that is read in the background: what many readers load must not push out of memory what others of
/// them have not sent yet, and nobody's turn should be long.
constexpr std::int32_t kColdBytesMax = 8 << 20;

std::size_t at_least_zero(std::int32_t value) { return static_cast<std::size_t>(std::max(value, 0)); }

std::size_t room_left(std::size_t limit, std::size_t used) { return limit - std::min(limit, used); }

/// A client that wants more at least is not made to wait for more than it gets.
std::int32_t bytes_max_of(Reading reading, std::int32_t bytes_min, std::int32_t bytes_max) {
  if (reading != Reading::in_background) return bytes_max;
  return std::min(bytes_max, std::max(bytes_min, kColdBytesMax));
}

}  // namespace

RecordCollector::RecordCollector(Collected& into, Reading reading, std::int32_t bytes_min, std::int32_t bytes_max)
    : into_(into), reading_(reading), bytes_max_(at_least_zero(bytes_max_of(reading, bytes_min, bytes_max))) {}

Result<LogSlice> RecordCollector::read(storage::Log& log, Offset from, std::int32_t bytes_max_of_it, Offset end,
                                       bool recent) {
  const auto bytes_max = std::min(at_least_zero(bytes_max_of_it), room_left(bytes_max_, into_.bytes));
  // KIP-74: the first batch of a response is sent however large it is, or a small limit would stop a consumer for good.
  if (recent) return log.read(from, bytes_max, end, into_.bytes == 0);
  if (reading_ == Reading::cached_only) return read_cached(log, from, bytes_max, end);
  return read_verified(log, from, bytes_max, end);
}

Result<LogSlice> RecordCollector::read_cached(storage::Log& log, Offset from, std::size_t bytes_max, Offset end) {
  auto slice = log.read(from, bytes_max, end, into_.bytes == 0, ReadMode::cached_only);
  if (!slice || slice->empty()) return slice;
  if (!log.is_verified(*slice)) return storage::Errc::not_cached;
  if (!is_copied(*slice) && !slice->is_cached()) return storage::Errc::not_cached;  // a copy finds out by itself
  if (!slice->is_rest_cached(kReadAheadBytes)) into_.followed.push_back(*slice);
  return slice;
}

// A batch that does not match its CRC is noted by the log, which then ends a read before it: what comes before is
// served.
Result<LogSlice> RecordCollector::read_verified(storage::Log& log, Offset from, std::size_t bytes_max, Offset end) {
  for (bool again = true;; again = false) {
    auto slice = log.read(from, bytes_max, end, into_.bytes == 0);
    if (!slice || slice->empty()) return slice;
    const bool loads = reading_ == Reading::in_background;
    if (!log.is_verified(*slice)) {
      if (loads) slice->read_ahead();
      const auto sound = log.verify(*slice);
      if (!sound && again && sound.error() == storage::Errc::corrupt_batch) continue;
      if (!sound) return sound.error();
    } else if (loads && !slice->is_cached()) {
      if (const auto loaded = slice->load(); !loaded) return loaded.error();
    }
    if (loads) {
      slice->read_ahead_rest(kReadAheadBytes);
      into_.cold_bytes += slice->size;
    }
    return slice;
  }
}

bool RecordCollector::is_copied(const LogSlice& slice) const noexcept {
  return slice.size <= kCopiedBytesMax && into_.copied_bytes + slice.size <= kCopiedBytesTotalMax;
}

Result<> RecordCollector::add(protocol::FetchResponse::PartitionData& data, LogSlice slice, bool recent) {
  if (!is_copied(slice)) {
    into_.bytes += slice.size;
    data.records = wire::Records::spliced(slice.size);
    into_.slices.push_back(std::move(slice));
    return {};
  }
  auto& copy = into_.copies.emplace_back(slice.size);
  if (const auto read = slice.read(copy, waits(recent) ? ReadMode::may_wait : ReadMode::cached_only); !read)
    return read.error();
  into_.bytes += slice.size;
  into_.copied_bytes += slice.size;
  data.records = wire::Records::view(copy);
  return {};
}

}  // namespace sluice::broker::fetch
