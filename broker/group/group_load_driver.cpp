// GroupPartitionDriver: how a shard is made from the log.

#include <algorithm>
#include <chrono>
#include <spdlog/spdlog.h>
#include <utility>
#include <vector>

#include "broker/controller/controller.hpp"
#include "broker/group/group_partition_driver.hpp"
#include "broker/server/blocking_pool.hpp"
#include "protocol/record/record_stream.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

namespace {

constexpr std::size_t kReadBytes = 5 << 20;
constexpr std::size_t kUnpackedBatchBytesMax = 512 << 20;
constexpr std::chrono::milliseconds kProgressInterval = std::chrono::seconds{5};
// Between attempts to load, while records can't be written or read: doubled each time.
constexpr std::chrono::milliseconds kPauseMin{100};
constexpr std::chrono::milliseconds kPauseMax = std::chrono::seconds{10};

}  // namespace

void GroupPartitionDriver::start(BlockingPool& pool) {
  loaders_ = &pool;
  begin_loading();
}

void GroupPartitionDriver::begin_loading() {
  deleted_.clear();  // the metadata that leftovers are told by is newer
  if (partition_->log_start_offset() == partition_->log_end_offset()) {
    state_ = State::active;
    return;
  }
  // After a crash some of the log may not be as safe yet as its answers were promised to be.
  const auto end = partition_->log_end_offset();
  auto begin = [self = shared_from_this(), end](ErrorCode error) {
    if (error == ErrorCode::none) return self->loaders_->post([self, end] { self->load(end); });
    self->thread_.post([self] { self->load_later(); });
  };
  partition_->when_replicated(end, std::move(begin), reign_);
}

/// Something is wrong with the log, or with writing to it: not at once, and less and less often.
void GroupPartitionDriver::load_later() {
  if (state_ != State::loading) return;
  pause_ = std::clamp(2 * pause_, kPauseMin, kPauseMax);
  timer_ = thread_.after(pause_, [this] {
    const auto fired = std::move(timer_);
    begin_loading();
  });
}

void GroupPartitionDriver::load(Offset end) {
  const auto began = std::chrono::steady_clock::now();
  const auto name = partition_->name().to_string();
  auto shard = std::make_unique<GroupShard>(settings_);
  const auto replayed = replay_log(*shard, end);
  if (stopping_) return;
  if (!replayed) {
    spdlog::error("partition={} its groups can't be loaded: {}", name, replayed.error().message());
    thread_.post([self = shared_from_this()] { self->load_later(); });
    return;
  }
  shard->set_image(images_.image());  // a group may have a session timeout of its own
  shard->finish_loading(now());
  const auto took = std::chrono::steady_clock::now() - began;
  metrics_.load_latency.observe(took);
  spdlog::info("partition={} groups={} load_ms={}", name, shard->group_count(),
               std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
  auto leftovers = leftovers_of(*shard);
  thread_.post([self = shared_from_this(), shard = std::move(shard), leftovers = std::move(leftovers)]() mutable {
    self->become_active(std::move(shard), std::move(leftovers));
  });
}

/// Offsets of topics that were deleted when nobody was there to forget them. The metadata that makes this broker the
/// leader knows of every topic that the log's commits name; without it nothing counts as deleted.
std::vector<GroupWrite> GroupPartitionDriver::leftovers_of(const GroupShard& shard) const {
  const auto image = images_.image();
  if (image->find_topic(partition_->topic_id()) == nullptr) return {};
  return shard.forget_deleted_topics(*image);
}

void GroupPartitionDriver::become_active(std::unique_ptr<GroupShard> shard, std::vector<GroupWrite> leftovers) {
  if (state_ != State::loading) return;
  // What was loaded while another led is of two minds; `stop` is on its way.
  if (!is_in_office()) return load_later();
  shard_ = std::move(shard);
  state_ = State::active;
  if (availability() == ErrorCode::none) {
    for (auto& gone : leftovers) write(std::move(gone));
  }
  for (const auto& [topic, topic_id] : std::exchange(deleted_, {})) forget_topic(topic, topic_id);
  wait_for_deadline();
}

Result<> GroupPartitionDriver::replay_log(GroupShard& shard, Offset end) const {
  auto& log = partition_->log();
  const auto start = partition_->log_start_offset();
  auto next = start;
  auto told = now().steady;
  std::vector<std::byte> bytes;
  while (next < end && !stopping_) {
    const auto slice = log.read(next, kReadBytes, end, true);
    if (!slice) return slice.error();
    if (slice->empty()) break;
    bytes.resize(slice->size);
    if (const auto read = slice->read(bytes); !read) return read.error();
    record::BatchWalker walker{bytes};
    std::uint64_t records = 0;
    while (const auto batch = walker.next()) {
      replay_batch(shard, *batch);
      records += static_cast<std::uint64_t>(batch->record_count());
    }
    metrics_.loaded_records_total.add(records);
    next = slice->next_offset;
    if (const auto time = now().steady; time - told >= kProgressInterval) {
      told = time;
      spdlog::info("partition={} loading groups: offsets={}/{} groups={}", partition_->name().to_string(), next - start,
                   end - start, shard.group_count());
    }
  }
  return {};
}

/// What can't be read is passed over with a line in the log: one damaged record must not make all groups unreachable.
void GroupPartitionDriver::replay_batch(GroupShard& shard, const record::BatchView& batch) const {
  if (batch.is_control()) return;
  static thread_local record::RecordStream stream;
  static thread_local OffsetRecordReader offsets;
  const auto complain = [&](std::string_view what) {
    spdlog::error("partition={} offset={} {}", partition_->name().to_string(), batch.base_offset().value(), what);
  };
  if (const auto started = stream.start(batch, kUnpackedBatchBytesMax); !started) {
    return complain(started.error().message());
  }
  for (;;) {
    const auto record = stream.next();
    if (!record) return complain(record.error().message());
    if (!*record) return;
    if (!(*record)->key) continue;
    if (const auto offset = offsets.read(*(*record)->key, (*record)->value)) {
      shard.load(*offset);
      continue;
    }
    const auto decoded = decode(*(*record)->key, (*record)->value);
    if (decoded.problem == DecodeProblem::malformed) complain("holds a malformed record, which is passed over");
    if (decoded.record) shard.load(*decoded.record);
  }
}

}  // namespace sluice::broker::group
