// GroupPartitionDriver: how a shard is made from the log.

#include <spdlog/spdlog.h>
#include <vector>

#include "broker/group/group_partition_driver.hpp"
#include "broker/server/blocking_pool.hpp"
#include "protocol/record/record_stream.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

namespace {

constexpr std::size_t kReadBytes = 5 << 20;
constexpr std::size_t kUnpackedBatchBytesMax = 512 << 20;

}  // namespace

void GroupPartitionDriver::start(BlockingPool& pool) {
  if (partition_->log_start_offset() == partition_->log_end_offset()) {
    state_ = State::active;
    return;
  }
  // After a crash some of the log may not be as safe yet as its answers were promised to be.
  const auto end = partition_->log_end_offset();
  partition_->when_replicated(end, [self = shared_from_this(), end, &pool](ErrorCode error) {
    if (error == ErrorCode::none) return pool.post([self, end] { self->load(end); });
    self->thread_.post([self] { self->stop(); });
  });
}

void GroupPartitionDriver::load(Offset end) {
  const auto began = now().steady;
  const auto name = partition_->name().to_string();
  const auto replayed = replay_log(end);
  if (!replayed) {
    spdlog::error("partition={} its groups can't be loaded: {}", name, replayed.error().message());
    thread_.post([self = shared_from_this()] { self->stop(); });
    return;
  }
  spdlog::info("partition={} groups={} load_ms={}", name, shard_.group_count(), (now().steady - began).count());
  thread_.post([self = shared_from_this()] { self->become_active(); });
}

void GroupPartitionDriver::become_active() {
  if (state_ != State::loading) return;
  state_ = State::active;
  shard_.finish_loading(now());
  wait_for_deadline();
}

Result<> GroupPartitionDriver::replay_log(Offset end) {
  auto& log = partition_->log();
  auto next = partition_->log_start_offset();
  std::vector<std::byte> bytes;
  while (next < end) {
    const auto slice = log.read(next, kReadBytes, end, true);
    if (!slice) return slice.error();
    if (slice->empty()) break;
    bytes.resize(slice->size);
    if (const auto read = slice->read(bytes); !read) return read.error();
    record::BatchWalker walker{bytes};
    while (const auto batch = walker.next()) replay_batch(*batch);
    next = slice->next_offset;
  }
  return {};
}

/// What can't be read is passed over with a line in the log: one damaged record must not make all groups unreachable.
void GroupPartitionDriver::replay_batch(const record::BatchView& batch) {
  if (batch.is_control()) return;
  static thread_local record::RecordStream stream;
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
    const auto decoded = decode(*(*record)->key, (*record)->value);
    if (decoded.problem == DecodeProblem::malformed) complain("holds a malformed record, which is passed over");
    if (decoded.record) shard_.replay(*decoded.record);
  }
}

}  // namespace sluice::broker::group
