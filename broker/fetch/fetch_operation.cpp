#include "broker/fetch/fetch_operation.hpp"

#include <spdlog/spdlog.h>

#include "broker/api/error_map.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/services.hpp"

namespace sluice::broker::fetch {
namespace {

using protocol::ErrorCode;
using protocol::FetchResponse;
using replication::Partition;

/// An empty answer is always allowed, and a client that is gone is remembered until its wait is over.
constexpr std::chrono::minutes kWaitMax{5};

/// Below this, copying records into the response costs less than a second system call for sendfile.
constexpr std::uint32_t kCopiedBytesMax = 16 * 1024;
/// Of one response: many are on their way to a client that asks faster than it reads.
constexpr std::size_t kCopiedBytesTotalMax = 256 * 1024;

std::size_t at_least_zero(std::int32_t value) { return static_cast<std::size_t>(std::max(value, 0)); }

std::size_t room_left(std::size_t limit, std::size_t used) { return limit - std::min(limit, used); }

}  // namespace

FetchOperation::FetchOperation(Services& services, IoThread& thread, FetchPlan plan, const FetchLimits& limits,
                               Respond respond)
    : services_(services), thread_(thread), plan_(std::move(plan)), limits_(limits), respond_(std::move(respond)) {}

FetchOperation::~FetchOperation() { stop_watching(); }

void FetchOperation::start() {
  if (try_answer(limits_.wait_max.count() <= 0)) return;
  wait();
  // What was appended between the look and the watch would otherwise wait for the next append.
  try_answer(false);
}

std::shared_ptr<Partition> FetchOperation::find(const FetchTarget& target) const {
  return limits_.by_topic_id ? services_.partitions.find(target.topic_id, target.partition)
                             : services_.partitions.find(target.topic, target.partition);
}

void FetchOperation::wait() {
  for (const auto& target : plan_.targets) {
    if (auto partition = find(target)) watched_.push_back(std::move(partition));
  }
  watches_ = std::make_unique<replication::Watch[]>(watched_.size());
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    watches_[i].waiter = this;
    watched_[i]->watch(watches_[i]);
  }
  deadline_ = thread_.after(std::min<std::chrono::milliseconds>(limits_.wait_max, kWaitMax),
                            [self = shared_from_this()] { self->try_answer(true); });
}

void FetchOperation::stop_watching() noexcept {
  for (std::size_t i = 0; i < watched_.size(); ++i) watched_[i]->unwatch(watches_[i]);
  watched_.clear();
}

void FetchOperation::on_progress() noexcept {
  if (check_scheduled_.exchange(true, std::memory_order_acq_rel)) return;
  thread_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->check_scheduled_.store(false, std::memory_order_release);
    self->try_answer(false);
  });
}

bool FetchOperation::try_answer(bool time_is_up) {
  if (!respond_) return true;
  auto collected = collect();
  // More than may be sent at once can't be waited for.
  const auto bytes_wanted = at_least_zero(std::min(limits_.bytes_min, limits_.bytes_max));
  const bool enough = collected.answer_now || plan_.targets.empty() || collected.bytes >= bytes_wanted;
  const bool stopping = services_.stopping.load(std::memory_order_relaxed);
  if (!enough && !time_is_up && !stopping) return false;
  services_.fetch_sessions.finish(plan_, collected.response);
  stop_watching();
  auto respond = std::move(*respond_);
  respond_.reset();
  respond(collected.response, std::move(collected.slices));
  deadline_.reset();  // last: it may hold the only reference to this
  return true;
}

FetchOperation::Collected FetchOperation::collect() {
  Collected collected;
  collected.copies.reserve(plan_.targets.size());
  auto& topics = collected.response.responses;
  for (const auto& target : plan_.targets) {
    if (topics.empty() || topics.back().topic != target.topic || topics.back().topic_id != target.topic_id) {
      topics.push_back({});
      topics.back().topic = target.topic;
      topics.back().topic_id = target.topic_id;
    }
    const auto partition = find(target);
    topics.back().partitions.push_back(read_partition(target, partition.get(), collected));
  }
  return collected;
}

FetchOperation::PartitionData FetchOperation::read_partition(const FetchTarget& target, Partition* partition,
                                                             Collected& into) {
  PartitionData data;
  data.partition_index = target.partition;
  data.records = wire::Records::view({});
  if (limits_.read_committed) {
    data.aborted_transactions.emplace();
  } else {
    data.aborted_transactions.reset();
  }
  const auto fail = [&](ErrorCode error) {
    data.error_code = error;
    data.high_watermark = kNoOffset;
    into.answer_now = true;
    return data;
  };

  if (partition == nullptr) {
    return fail(api::unknown_partition_error(*services_.images.image(), target.topic, target.topic_id, target.partition,
                                             limits_.by_topic_id));
  }
  if (const auto error = partition->check_leadership(target.current_leader_epoch); error != ErrorCode::none) {
    if (limits_.names_leader) {
      data.current_leader.leader_id = partition->leader();
      data.current_leader.leader_epoch = partition->leader_epoch();
    }
    return fail(error);
  }
  if (!limits_.zstd_readable && partition->settings()->compression == record::Compression::zstd) {
    return fail(ErrorCode::unsupported_compression_type);
  }
  const auto start = partition->log_start_offset();
  if (target.fetch_offset < start || target.fetch_offset > partition->log_end_offset()) {
    return fail(ErrorCode::offset_out_of_range);
  }
  const auto end = limits_.read_committed ? partition->last_stable_offset() : partition->high_watermark();
  data.high_watermark = partition->high_watermark();
  data.last_stable_offset = partition->last_stable_offset();
  data.log_start_offset = start;

  if (target.last_fetched_epoch != kNoLeaderEpoch) {
    const auto known = partition->log().end_of_epoch(target.last_fetched_epoch);
    if (known.leader_epoch < target.last_fetched_epoch || known.end_offset < target.fetch_offset) {
      data.diverging_epoch.epoch = known.leader_epoch.value();
      data.diverging_epoch.end_offset = known.end_offset;
      into.answer_now = true;
      return data;
    }
  }
  if (target.fetch_offset >= end) return data;

  const auto bytes_max =
      std::min(at_least_zero(target.bytes_max), room_left(at_least_zero(limits_.bytes_max), into.bytes));
  // KIP-74: the first batch of a response is sent however large it is, or a small limit would stop a consumer for good.
  auto slice = partition->log().read(target.fetch_offset, bytes_max, end, into.bytes == 0);
  if (!slice) {
    spdlog::error("partition={} offset={} can't be read: {}", partition->name().to_string(),
                  target.fetch_offset.value(), slice.error().message());
    return fail(api::to_error_code(slice.error()));
  }
  if (!slice->empty()) add_records(data, std::move(*slice), into);
  return data;
}

void FetchOperation::add_records(PartitionData& data, storage::LogSlice slice, Collected& into) {
  if (slice.size > kCopiedBytesMax || into.copied_bytes + slice.size > kCopiedBytesTotalMax) {
    into.bytes += slice.size;
    data.records = wire::Records::spliced(slice.size);
    into.slices.push_back(std::move(slice));
    return;
  }
  auto& copy = into.copies.emplace_back(slice.size);
  if (const auto read = slice.read(copy); !read) {
    data.error_code = api::to_error_code(read.error());
    into.answer_now = true;
    return;
  }
  into.bytes += slice.size;
  into.copied_bytes += slice.size;
  data.records = wire::Records::view(copy);
}

}  // namespace sluice::broker::fetch
