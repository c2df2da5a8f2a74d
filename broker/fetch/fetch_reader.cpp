#include "broker/fetch/fetch_reader.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

#include "broker/api/error_map.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/services.hpp"
#include "broker/wall_clock.hpp"

namespace sluice::broker::fetch {
namespace {

using protocol::ErrorCode;
using replication::Partition;
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
std::int32_t bytes_max_of(const FetchLimits& limits, Reading reading) {
  if (reading != Reading::in_background) return limits.bytes_max;
  return std::min(limits.bytes_max, std::max(limits.bytes_min, kColdBytesMax));
}

}  // namespace

std::shared_ptr<Partition> find_partition(Services& services, const FetchTarget& target, bool by_topic_id) {
  return by_topic_id ? services.partitions.find(target.topic_id, target.partition)
                     : services.partitions.find(target.topic, target.partition);
}

FetchReader::FetchReader(Services& services, const std::vector<FetchTarget>& targets, const FetchLimits& limits,
                         Reading reading)
    : services_(services),
      targets_(targets),
      limits_(limits),
      reading_(reading),
      bytes_max_(at_least_zero(bytes_max_of(limits, reading))),
      now_(wall_clock_now()) {}

Collected FetchReader::collect() {
  into_.copies.reserve(targets_.size());
  auto& topics = into_.response.responses;
  for (const auto& target : targets_) {
    if (topics.empty() || topics.back().topic != target.topic || topics.back().topic_id != target.topic_id) {
      topics.push_back({});
      topics.back().topic = target.topic;
      topics.back().topic_id = target.topic_id;
    }
    const auto partition = find_partition(services_, target, limits_.by_topic_id);
    topics.back().partitions.push_back(read_partition(target, partition.get()));
    if (into_.cold) break;
  }
  return std::move(into_);
}

FetchReader::PartitionData FetchReader::fail(PartitionData data, ErrorCode error) {
  data.error_code = error;
  data.high_watermark = kNoOffset;
  into_.answer_now = true;
  return data;
}

FetchReader::PartitionData FetchReader::read_partition(const FetchTarget& target, Partition* partition) {
  PartitionData data;
  data.partition_index = target.partition;
  data.records = wire::Records::view({});
  if (limits_.read_committed) {
    data.aborted_transactions.emplace();
  } else {
    data.aborted_transactions.reset();
  }
  if (partition == nullptr) {
    return fail(std::move(data), api::unknown_partition_error(*services_.images.image(), target.topic, target.topic_id,
                                                              target.partition, limits_.by_topic_id));
  }
  if (const auto error = partition->check_leadership(target.current_leader_epoch); error != ErrorCode::none) {
    if (limits_.names_leader) {
      data.current_leader.leader_id = partition->leader();
      data.current_leader.leader_epoch = partition->leader_epoch();
    }
    return fail(std::move(data), error);
  }
  if (!limits_.zstd_readable && partition->settings()->compression == record::Compression::zstd) {
    return fail(std::move(data), ErrorCode::unsupported_compression_type);
  }
  const auto start = partition->log_start_offset();
  if (target.fetch_offset < start || target.fetch_offset > partition->log_end_offset()) {
    return fail(std::move(data), ErrorCode::offset_out_of_range);
  }
  data.high_watermark = partition->high_watermark();
  data.last_stable_offset = partition->log().last_stable_offset(data.high_watermark);
  const auto end = limits_.read_committed ? data.last_stable_offset : data.high_watermark;
  data.log_start_offset = start;
  if (add_diverging_epoch(data, target, *partition)) return data;
  if (target.fetch_offset < end) read_records(data, target, *partition, end);
  return data;
}

bool FetchReader::add_diverging_epoch(PartitionData& data, const FetchTarget& target, Partition& partition) {
  if (target.last_fetched_epoch == kNoLeaderEpoch) return false;
  const auto known = partition.log().end_of_epoch(target.last_fetched_epoch);
  if (known.leader_epoch >= target.last_fetched_epoch && known.end_offset >= target.fetch_offset) return false;
  data.diverging_epoch.epoch = known.leader_epoch.value();
  data.diverging_epoch.end_offset = known.end_offset;
  into_.answer_now = true;
  return true;
}

void FetchReader::read_records(PartitionData& data, const FetchTarget& target, Partition& partition, Offset end) {
  auto& log = partition.log();
  const bool recent = log.is_recent(target.fetch_offset, now_);
  auto slice = read_slice(log, target, end, recent);
  auto failed = slice ? std::error_code{} : slice.error();
  if (slice && !slice->empty() && limits_.read_committed) {
    if (const auto listed = list_aborted(data, log, {target.fetch_offset, slice->next_offset}, recent); !listed)
      failed = listed.error();
  }
  if (!failed && slice && !slice->empty()) {
    if (const auto added = add_records(data, std::move(*slice), recent); !added) failed = added.error();
  }
  if (!failed) return;
  if (failed == storage::Errc::not_cached) {
    into_.cold = true;
    return;
  }
  if (failed != storage::Errc::corrupt_batch) {  // damage was told of when it was found, consumers ask again and again
    spdlog::error("partition={} offset={} can't be read: {}", partition.name().to_string(), target.fetch_offset.value(),
                  failed.message());
  }
  data = fail(std::move(data), api::to_error_code(failed));
}

Result<LogSlice> FetchReader::read_slice(storage::Log& log, const FetchTarget& target, Offset end, bool recent) {
  const auto bytes_max = std::min(at_least_zero(target.bytes_max), room_left(bytes_max_, into_.bytes));
  // KIP-74: the first batch of a response is sent however large it is, or a small limit would stop a consumer for good.
  if (recent) return log.read(target.fetch_offset, bytes_max, end, into_.bytes == 0);
  if (reading_ == Reading::cached_only) return read_cached(log, target.fetch_offset, bytes_max, end);
  return read_verified(log, target.fetch_offset, bytes_max, end);
}

Result<LogSlice> FetchReader::read_cached(storage::Log& log, Offset from, std::size_t bytes_max, Offset end) {
  auto slice = log.read(from, bytes_max, end, into_.bytes == 0, ReadMode::cached_only);
  if (!slice || slice->empty()) return slice;
  if (!log.is_verified(*slice)) return storage::Errc::not_cached;
  if (!is_copied(*slice) && !slice->is_cached()) return storage::Errc::not_cached;  // a copy finds out by itself
  if (!slice->is_rest_cached(kReadAheadBytes)) into_.followed.push_back(*slice);
  return slice;
}

// A batch that does not match its CRC is noted by the log, which then ends a read before it: what comes before is
// served.
Result<LogSlice> FetchReader::read_verified(storage::Log& log, Offset from, std::size_t bytes_max, Offset end) {
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

// The client drops what these producers wrote from the first offset to the marker.
Result<> FetchReader::list_aborted(PartitionData& data, storage::Log& log, std::pair<Offset, Offset> range,
                                   bool recent) {
  const bool waits = recent || reading_ != Reading::cached_only;
  const auto aborted =
      log.aborted_transactions(range.first, range.second, waits ? ReadMode::may_wait : ReadMode::cached_only);
  if (!aborted) return aborted.error();
  for (const auto& transaction : *aborted) {
    auto& listed = data.aborted_transactions->emplace_back();
    listed.producer_id = transaction.producer_id;
    listed.first_offset = transaction.first_offset;
  }
  return {};
}

bool FetchReader::is_copied(const LogSlice& slice) const noexcept {
  return slice.size <= kCopiedBytesMax && into_.copied_bytes + slice.size <= kCopiedBytesTotalMax;
}

Result<> FetchReader::add_records(PartitionData& data, LogSlice slice, bool recent) {
  if (!is_copied(slice)) {
    into_.bytes += slice.size;
    data.records = wire::Records::spliced(slice.size);
    into_.slices.push_back(std::move(slice));
    return {};
  }
  const bool waits = recent || reading_ != Reading::cached_only;
  auto& copy = into_.copies.emplace_back(slice.size);
  if (const auto read = slice.read(copy, waits ? ReadMode::may_wait : ReadMode::cached_only); !read)
    return read.error();
  into_.bytes += slice.size;
  into_.copied_bytes += slice.size;
  data.records = wire::Records::view(copy);
  return {};
}

}  // namespace sluice::broker::fetch
