// GroupPartitionDriver: how records get into the log, and what becomes of those who wait for them.

#include <algorithm>
#include <iterator>
#include <optional>
#include <spdlog/spdlog.h>
#include <utility>

#include "broker/api/error_map.hpp"
#include "broker/group/group_partition_driver.hpp"
#include "broker/wall_clock.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

namespace {

/// So much is gathered into one batch; a single request may have more, and then has one for itself.
constexpr std::size_t kGatheredBytesMax = 256 << 10;

constexpr auto kGivenUp = ErrorCode::not_coordinator;

/// Groups of the consumer protocol take their records in as they make them.
bool is_taken_in(const GroupRecord& record) {
  return !std::holds_alternative<OffsetRecord>(record) && !std::holds_alternative<GroupMetadataRecord>(record);
}

}  // namespace

void GroupPartitionDriver::append(const std::string& group, std::vector<GroupRecord> records, Done done) {
  if (state_ != State::active) return done(kGivenUp);  // what it rests on was thrown away in the middle of a step
  encode_all(records);
  const bool is_ahead = std::any_of(records.begin(), records.end(), is_taken_in);
  shard_->on_append(group);
  if (encoder_.batch_bytes_max() > partition_->settings()->segment_bytes) {
    return refuse_too_large({.group = group, .is_ahead = is_ahead, .done = std::move(done)});
  }
  while (!gathered_.empty() && builder_.uncompressed_bytes() + encoder_.batch_bytes_max() > kGatheredBytesMax) {
    flush();
    if (state_ != State::active) return done(kGivenUp);
    encode_all(records);  // whoever was refused by `flush` may have sent the next request at once
  }
  if (gathered_.empty()) builder_.reset({});
  const auto time = wall_clock_now();
  encoder_.for_each([&](ByteView key, std::optional<ByteView> value) {
    builder_.append({.timestamp = time, .key = key, .value = value});
  });
  for (const auto& record : records) count_rebalance(group, record);
  gathered_.push_back({.group = group, .records = std::move(records), .is_ahead = is_ahead, .done = std::move(done)});
  if (builder_.uncompressed_bytes() >= kGatheredBytesMax) return flush();
  if (std::exchange(flush_is_posted_, true)) return;
  thread_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->flush_is_posted_ = false;
    self->flush();
  });
}

void GroupPartitionDriver::encode_all(const std::vector<GroupRecord>& records) {
  encoder_.clear();
  for (const auto& record : records) encoder_.add(record);
}

/// A batch has to fit into a segment. What is gathered must not share the fate of one that can't.
void GroupPartitionDriver::refuse_too_large(Append append) {
  spdlog::error("partition={} group={} a change of {} bytes is too large for a segment", partition_->name().to_string(),
                append.group, encoder_.batch_bytes_max());
  std::vector<Append> alone;
  alone.push_back(std::move(append));
  fail(std::move(alone), ErrorCode::unknown_server_error);
}

/// Every group epoch is one, as is every generation of a classic group that comes to an assignment; what is stored of
/// the same generation again is none.
void GroupPartitionDriver::count_rebalance(const std::string& group, const GroupRecord& record) {
  if (const auto* epoch = std::get_if<ConsumerGroupRecord>(&record); epoch != nullptr && epoch->value) {
    metrics_.consumer_rebalances_total.add();
    return;
  }
  const auto* metadata = std::get_if<GroupMetadataRecord>(&record);
  if (metadata == nullptr || !metadata->value || metadata->value->members.empty()) return;
  const auto* classic = shard_->find_classic(group);
  const bool is_known =
      classic != nullptr && classic->stored() && classic->stored()->generation == metadata->value->generation;
  if (!is_known) metrics_.classic_rebalances_total.add();
}

/// `done` is called when all appends under way are done; with an error if the last of them failed.
void GroupPartitionDriver::after_appends(Done done) {
  if (state_ != State::active) return done(kGivenUp);
  if (!gathered_.empty()) return gathered_.back().waiting.push_back(std::move(done));
  if (!appends_.empty()) return appends_.back().waiting.push_back(std::move(done));
  done(ErrorCode::none);
}

void GroupPartitionDriver::flush() {
  if (gathered_.empty()) return;
  auto gathered = std::exchange(gathered_, {});
  const auto batch = record::MutableBatch::parse(builder_.build());
  SLUICE_ASSERT(batch, gathered.front().group);
  const auto in_sync = partition_->check_in_sync();
  if (in_sync != ErrorCode::none) return fail(std::move(gathered), coordinator_error(in_sync));
  const auto appended = partition_->append(*batch, wall_clock_now(), reign_);
  if (!appended) return fail(std::move(gathered), coordinator_error(api::to_error_code(appended.error())));
  const auto end = appended->last_offset + 1;
  for (auto& append : gathered) {
    append.end = end;
    appends_.push_back(std::move(append));
  }
  // Keeps the driver until everybody is answered: the partition lets go of those who wait when it ends.
  auto acknowledge = [self = shared_from_this(), end](ErrorCode error) {
    self->thread_.post([self, end, error] { self->on_replicated(end, error); });
  };
  partition_->when_replicated(end, std::move(acknowledge), reign_);
}

/// Acknowledgements may overtake one another; what is replicated up to `end` is so for all that lies below. An answer
/// may bring the next request at once, and that throw the shard away: the others are answered all the same.
void GroupPartitionDriver::on_replicated(Offset end, ErrorCode error) {
  std::vector<Append> finished;
  while (!appends_.empty() && appends_.front().end <= end) {
    finished.push_back(std::move(appends_.front()));
    appends_.pop_front();
  }
  if (finished.empty()) return;  // those of a shard that was thrown away
  if (error != ErrorCode::none) return fail(std::move(finished), coordinator_error(error));
  pause_ = {};
  for (auto& append : finished) {
    if (state_ == State::active) {
      for (const auto& record : append.records) shard_->replay(record);
    }
    append.done(ErrorCode::none);
    if (state_ == State::active) shard_->on_appended(append.group);
    for (const auto& waiting : append.waiting) waiting(ErrorCode::none);
  }
  wait_for_deadline();
}

void GroupPartitionDriver::fail(std::vector<Append> appends, ErrorCode error) {
  const bool is_ahead = std::any_of(appends.begin(), appends.end(), [](const auto& append) { return append.is_ahead; });
  if (is_ahead) {
    // Back to the others: whoever waits is told below.
    appends_.insert(appends_.begin(), std::make_move_iterator(appends.begin()), std::make_move_iterator(appends.end()));
    return start_over(error);
  }
  for (auto& append : appends) {
    append.done(error);
    if (state_ == State::active) shard_->on_appended(append.group);  // else it is another shard by now
    for (const auto& waiting : append.waiting) waiting(error);
  }
  wait_for_deadline();
}

/// The shard holds what the log does not: it is made anew from the log.
void GroupPartitionDriver::start_over(ErrorCode error) {
  const bool was_active = state_ == State::active;
  if (was_active) state_ = State::loading;
  refuse_appends(error);
  refuse_members(error);
  shard_ = std::make_unique<GroupShard>(settings_);
  if (!was_active) return;
  spdlog::error("partition={} records of groups could not be written ({}): the groups are loaded again",
                partition_->name().to_string(), protocol::message(error));
  load_later();
}

void GroupPartitionDriver::refuse_appends(ErrorCode error) {
  auto appends = std::exchange(appends_, {});
  appends.insert(appends.end(), std::make_move_iterator(gathered_.begin()), std::make_move_iterator(gathered_.end()));
  gathered_.clear();
  for (auto& append : appends) {
    append.done(error);
    for (const auto& waiting : append.waiting) waiting(error);
  }
}

}  // namespace sluice::broker::group
