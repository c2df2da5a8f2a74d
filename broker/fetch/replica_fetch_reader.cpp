#include "broker/fetch/replica_fetch_reader.hpp"

#include <spdlog/spdlog.h>

#include "broker/api/error_map.hpp"

namespace sluice::broker::fetch {
namespace {

using protocol::ErrorCode;
using PartitionData = ReplicaTarget::PartitionData;

class Pass {
 public:
  Pass(Reading reading, std::int32_t bytes_min, std::int32_t bytes_max, Timestamp wall_now)
      : records_(into_.read, reading, bytes_min, bytes_max), wall_now_(wall_now) {}

  void look_at(const ReplicaTarget& target) {
    if (target.verdict) {
      into_.read.answer_now = true;
      return put(target, *target.verdict, {.is_final = true});
    }
    auto data = data_of(target);
    if (target.is_watermark_only) {
      const auto high_watermark = data.high_watermark;
      return put(target, std::move(data), {.high_watermark = high_watermark});
    }
    if (records_.is_full()) return;
    if (const auto failed = read(target, data); failed) put_failure(target, std::move(data), failed);
  }

  ReplicaCollected take() { return std::move(into_); }
  void reserve(std::size_t targets) { into_.read.copies.reserve(targets); }

 private:
  static PartitionData data_of(const ReplicaTarget& target) {
    PartitionData data;
    data.partition_index = target.key.partition;
    data.high_watermark = target.partition->high_watermark();
    data.log_start_offset = target.partition->log_start_offset();
    data.aborted_transactions.reset();
    data.records = wire::Records::view({});
    return data;
  }

  /// Puts what there is.
  std::error_code read(const ReplicaTarget& target, PartitionData& data) {
    auto& log = target.partition->log();
    const bool recent = log.is_recent(target.position, wall_now_);
    const auto end = log.log_end_offset();
    auto slice = records_.read(log, target.position, target.bytes_max, end, recent);
    // Who does not lead any more may have cut it meanwhile. The follower is told in a moment. (What is cut after this
    // is told by the leader epochs of the batches that come in its place.)
    if (target.partition->check_leadership(target.leader_epoch) != ErrorCode::none) return {};
    if (slice && slice->empty()) return {};
    const auto next = slice ? slice->next_offset : kNoOffset;
    const auto added = slice ? records_.add(data, std::move(*slice), recent) : Result<>{slice.error()};
    if (!added && added.error() == storage::Errc::not_cached) {
      into_.read.cold = true;
      return {};
    }
    if (!added) return added.error();
    const auto high_watermark = data.high_watermark;
    put(target, std::move(data), {.is_final = true, .left_more = next < end, .high_watermark = high_watermark});
    return {};
  }

  void put_failure(const ReplicaTarget& target, PartitionData data, std::error_code failed) {
    if (failed != storage::Errc::corrupt_batch) {
      spdlog::error("partition={} offset={} can't be read: {}", target.partition->name().to_string(),
                    target.position.value(), failed.message());
    }
    data.error_code = api::to_error_code(failed);
    data.high_watermark = kNoOffset;
    into_.read.answer_now = true;
    put(target, std::move(data), {.is_final = true});
  }

  void put(const ReplicaTarget& target, PartitionData data, ReplicaAnswered answered) {
    auto& topics = into_.read.response.responses;
    if (topics.empty() || topics.back().topic_id != target.key.topic_id) {
      topics.emplace_back().topic_id = target.key.topic_id;
    }
    topics.back().partitions.push_back(std::move(data));
    answered.key = target.key;
    answered.position = target.position;
    into_.answered.push_back(answered);
  }

  ReplicaCollected into_;
  RecordCollector records_;
  const Timestamp wall_now_;
};

}  // namespace

ReplicaCollected collect_for_replica(const std::vector<ReplicaTarget>& targets, Reading reading, std::int32_t bytes_min,
                                     std::int32_t bytes_max, Timestamp wall_now) {
  Pass pass{reading, bytes_min, bytes_max, wall_now};
  pass.reserve(targets.size());
  for (const auto& target : targets) pass.look_at(target);
  return pass.take();
}

}  // namespace sluice::broker::fetch
