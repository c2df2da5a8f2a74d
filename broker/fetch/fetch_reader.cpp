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
      now_(wall_clock_now()),
      records_(into_, reading, limits.bytes_min, limits.bytes_max) {}

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
  data.high_watermark = data.last_stable_offset = kNoOffset;
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
    return fail(std::move(data),
                api::unknown_partition_error(*services_.images.image(), target.topic, target.topic_id, target.partition,
                                             limits_.by_topic_id, services_.settings.node_id));
  }
  const auto error = partition->check_leadership(target.current_leader_epoch);
  const bool may_follow = limits_.for_debugging && error == ErrorCode::not_leader_or_follower;
  if (error != ErrorCode::none && !may_follow) {
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
  data.high_watermark = partition->high_watermark();
  data.last_stable_offset = partition->log().last_stable_offset(data.high_watermark);
  const auto end = limits_.for_debugging    ? partition->log_end_offset()
                   : limits_.read_committed ? data.last_stable_offset
                                            : data.high_watermark;
  data.log_start_offset = start;
  // Before the range: a log that is too long is cut where the leader's epochs say.
  if (add_diverging_epoch(data, target, *partition)) return data;
  if (target.fetch_offset < start || target.fetch_offset > partition->log_end_offset()) {
    return fail(std::move(data), ErrorCode::offset_out_of_range);
  }
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
  auto slice = records_.read(log, target.fetch_offset, target.bytes_max, end, recent);
  auto failed = slice ? std::error_code{} : slice.error();
  if (slice && !slice->empty() && limits_.read_committed) {
    if (const auto listed = list_aborted(data, log, {target.fetch_offset, slice->next_offset}, recent); !listed)
      failed = listed.error();
  }
  if (!failed && slice && !slice->empty()) {
    if (const auto added = records_.add(data, std::move(*slice), recent); !added) failed = added.error();
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

// The client drops what these producers wrote from the first offset to the marker.
Result<> FetchReader::list_aborted(PartitionData& data, storage::Log& log, std::pair<Offset, Offset> range,
                                   bool recent) {
  const auto mode = records_.waits(recent) ? ReadMode::may_wait : ReadMode::cached_only;
  const auto aborted = log.aborted_transactions(range.first, range.second, mode);
  if (!aborted) return aborted.error();
  for (const auto& transaction : *aborted) {
    auto& listed = data.aborted_transactions->emplace_back();
    listed.producer_id = transaction.producer_id;
    listed.first_offset = transaction.first_offset;
  }
  return {};
}

}  // namespace sluice::broker::fetch
