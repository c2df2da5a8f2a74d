#include "tests/unit/storage/log/log_program.hpp"

#include <cerrno>

namespace sluice::storage {

LogProgram::LogProgram(std::uint64_t seed, std::optional<Stop> stop) : random_(seed), stop_(stop) {
  h_.options.segment_bytes = static_cast<std::uint32_t>(1024 << pick(5));
  h_.options.index_interval_bytes = static_cast<std::uint32_t>(1 + pick(600));
  h_.options.segment_index_bytes = pick(4) == 0 ? 96 : 4096;
  h_.options.segment_ms = pick(3) == 0 ? std::chrono::milliseconds{200} : std::chrono::milliseconds{100'000'000};
  h_.options.file_delete_delay_ms = std::chrono::milliseconds{pick(2) * 100};
}

void LogProgram::run(int steps, bool faults) {
  faults_ = faults;
  if (stop_) h_.fs.fail_from(stop_->call, EIO);
  bring_up({});
  for (int i = 0; i < steps; ++i) {
    try {
      step();
    } catch (const PowerFailure&) {
      come_back();
    }
    cutting_to_.reset();
    restarting_at_.reset();
  }
  try {
    crash();
  } catch (const PowerFailure&) {
    come_back();
  }
  stop_.reset();
  h_.fs.clear_faults();
  check_everything();
}

void LogProgram::step() {
  h_.now = h_.now + static_cast<std::int64_t>(pick(20));
  h_.resources.removals.remove_due(h_.fs, h_.now);
  switch (pick(50)) {
    case 0: return truncate();
    case 1: return restart();
    case 2: return advance_start();
    case 3: return crash();
    case 4: return reopen();
    case 5: return fail_a_write();
    case 6: return roll();
    case 7:
    case 8: return sync();
    case 9: return check_timestamps();
    case 10: return append_as_follower();
    case 11: return apply_retention();
    case 12:
    case 13:
    case 14: return read();
    case 15: return check_transactions();
    case 16:
    case 17:
    case 18:
    case 19:
    case 20:
    case 21: return end_transaction();
    default: return append();
  }
}

// Once a producer has a transaction open, all that it writes belongs to it.
test::Bytes LogProgram::some_batch(bool with_producer) {
  record::BatchOptions options;
  if (with_producer && pick(2) == 0) {
    const auto& producer = producers_[pick(3)];
    const auto open = model_.open_producers();
    options.producer_id = producer.id;
    options.producer_epoch = ProducerEpoch{0};
    options.base_sequence = producer.next_sequence;
    options.transactional = pick(2) == 0 || std::find(open.begin(), open.end(), producer.id) != open.end();
  }
  if (pick(4) == 0) options.compression = record::Compression::lz4;
  const auto timestamp = h_.now - static_cast<std::int64_t>(pick(30));
  std::vector<test::TestRecord> records(1 + pick(4));
  for (auto& record : records) record = {std::nullopt, std::string(pick(120), 'v'), timestamp};
  return test::batch_from(records, options);
}

test::Bytes LogProgram::some_marker(const std::vector<ProducerId>& open, bool& committed) {
  committed = pick(2) == 0;
  return record::build_end_transaction(
      {.producer_id = open[pick(open.size())], .producer_epoch = ProducerEpoch{0}, .timestamp = h_.now},
      {committed, 0});
}

void LogProgram::append() {
  auto bytes = some_batch(true);
  take(std::move(bytes), false);
}

void LogProgram::end_transaction() {
  const auto open = model_.open_producers();
  if (open.empty()) return append();
  bool committed = false;
  auto bytes = some_marker(open, committed);
  take(std::move(bytes), committed);
}

void LogProgram::take(test::Bytes bytes, bool committed) {
  auto batch = *record::MutableBatch::parse(bytes);
  CAPTURE(batch.producer_id(), batch.base_sequence(), batch.size());
  const auto appended = must(h_.log->append(batch, leader_epoch_, h_.now));
  REQUIRE_FALSE(appended.duplicate);
  REQUIRE(appended.base_offset == model_.end);
  model_.append(bytes, committed);
  if (batch.has_producer() && !batch.is_control()) {
    for (auto& producer : producers_) {
      if (producer.id == batch.producer_id()) producer.next_sequence = batch.last_sequence() + 1;
    }
    if (pick(2) == 0) repeat(bytes, appended);
  }
  check_bounds();
}

void LogProgram::repeat(test::Bytes bytes, const Appended& original) {
  const auto again = must(h_.log->append(*record::MutableBatch::parse(bytes), leader_epoch_, h_.now));
  REQUIRE(again.duplicate);
  REQUIRE(again.base_offset == original.base_offset);
  REQUIRE(again.last_offset == original.last_offset);
}

// Several batches in one call, with a gap now and then.
void LogProgram::append_as_follower() {
  test::Bytes all;
  auto ahead = model_;
  for (auto left = 1 + pick(6); left > 0; --left) {
    const auto open = ahead.open_producers();
    bool committed = false;
    auto bytes = !open.empty() && pick(3) == 0 ? some_marker(open, committed) : some_batch(left == 1);
    auto offset = ahead.end;
    if (pick(5) == 0) offset = offset + static_cast<std::int64_t>(pick(10));
    record::MutableBatch::parse(bytes)->assign(offset, leader_epoch_);
    all.insert(all.end(), bytes.begin(), bytes.end());
    ahead.append(std::move(bytes), committed);
  }
  const auto appended = h_.log->append_as_follower(all, h_.now);
  if (!appended && has_stopped()) {  // some of them may be there
    while (model_.end < h_.log->log_end_offset())
      model_.append(ahead.batches[model_.batches.size()].bytes, ahead.batches[model_.batches.size()].committed);
  }
  must(appended);
  ahead.synced = model_.synced;
  model_ = std::move(ahead);
  forget_sequences();
  check_bounds();
}

void LogProgram::read() {
  const auto from = pick_offset();
  const auto end = pick(2) == 0 ? model_.end : pick_offset();
  const auto slice = must(h_.log->read(from, 1 + pick(4096), end, true));
  test::Bytes bytes(slice.size);
  must(slice.read(bytes));
  REQUIRE((bytes == model_.bytes(from, bytes.empty() ? from : slice.next_offset)));
  if (!model_.bytes(from, end).empty()) REQUIRE_FALSE(bytes.empty());
  REQUIRE(slice.next_offset <= std::max(from, model_.end));
}

// A full disk in the middle of a write: as if nothing had happened. A whole batch, though refused, might come back by a
// crash.
void LogProgram::fail_a_write() {
  if (!faults_) return;
  h_.fs.inject({.operation = Operation::write,
                .path_contains = ".log",
                .error = ENOSPC,
                .stored_bytes = pick(record::kBatchHeaderBytes)});
  const auto open = model_.open_producers();
  bool committed = false;
  auto bytes = open.empty() ? some_batch(true) : some_marker(open, committed);
  const auto failed = h_.log->append(*record::MutableBatch::parse(bytes), leader_epoch_, h_.now);
  h_.fs.clear_faults();
  REQUIRE_FALSE(failed.has_value());
  REQUIRE_FALSE(h_.log->is_offline());
  check_bounds();
}

void LogProgram::roll() {
  must(h_.log->roll(h_.now));
  check_bounds();
}

void LogProgram::sync() {
  const auto synced = must(h_.log->sync());
  REQUIRE(synced == model_.end);
  model_.synced = model_.end;
  check_bounds();
}

void LogProgram::truncate() {
  const auto offset = pick_offset();
  cutting_to_ = offset;
  must(h_.log->truncate_to(offset));
  model_.truncate(offset);
  forget_sequences();
  next_leader();
  check_everything();
}

void LogProgram::restart() {
  if (pick(4) != 0) return;
  const auto offset = pick_offset();
  restarting_at_ = offset;
  must(h_.log->truncate_fully_and_start_at(offset));
  model_.restart(offset);
  forget_sequences();
  next_leader();
  check_everything();
}

void LogProgram::advance_start() {
  const auto offset = pick_offset();
  must(h_.log->advance_log_start(offset));
  model_.advance_start(offset);
  check_bounds();
}

void LogProgram::apply_retention() {
  RetentionLimits limits;
  if (pick(2) == 0) limits.retention_ms = std::chrono::milliseconds{pick(300)};
  if (pick(2) == 0) limits.retention_bytes = static_cast<std::int64_t>(pick(8192));
  const auto deletable_end = pick_offset();
  const auto report = must(h_.log->delete_old_segments(limits, deletable_end, h_.now));
  const auto start = h_.log->log_start_offset();
  REQUIRE(start >= model_.start);
  REQUIRE((start == model_.start || (report.segments > 0 && start <= deletable_end)));
  for (const auto& entry : model_.batches) {
    if (limits.retention_bytes || entry.view().last_offset() < model_.start || entry.view().last_offset() >= start)
      continue;
    REQUIRE(h_.now - entry.view().max_timestamp() > limits.retention_ms->count());
  }
  if (report.segments > 0 && !limits.retention_ms)
    REQUIRE(h_.log->size_bytes() >= static_cast<std::uint64_t>(*limits.retention_bytes));
  model_.advance_start(start);
  check_bounds();
}

void LogProgram::reopen() {
  LogOpening opening{h_.log->log_end_offset(), h_.log->log_start_offset(), true};
  must(h_.log->close());
  model_.synced = model_.end;
  const bool interrupted = has_stopped();
  bring_up(opening);
  if (!interrupted && !stop_) REQUIRE_FALSE((faults_ && h_.report.scanned));
  check_everything();
}

void LogProgram::crash() {
  const auto policy = std::array{CrashPolicy::lose_unsynced, CrashPolicy::keep_unsynced, CrashPolicy::random}[pick(3)];
  const LogOpening opening{h_.log->synced_end_offset(), h_.log->log_start_offset(), false};
  h_.log.reset();
  const bool whole = policy == CrashPolicy::keep_unsynced && !stop_;
  h_.fs.crash(policy, random_());
  bring_up(opening);
  if (whole) REQUIRE(h_.log->log_end_offset() == model_.end);
  take_over(model_.synced);
}

// Opens the log; if the machine stops meanwhile, once more.
void LogProgram::bring_up(LogOpening opening) {
  const auto opened = h_.try_open(opening);
  if (opened) return;
  CAPTURE(opened.error().message());
  REQUIRE(has_stopped());
  const auto policy = stop_->policy;
  stop_.reset();
  h_.fs.clear_faults();
  h_.fs.crash(policy, random_());
  opening.clean_shutdown = false;
  const auto again = h_.try_open(opening);
  CAPTURE(again.has_error() ? again.error().message() : "");
  REQUIRE(again.has_value());
}

// Whoever keeps the recovery point lowers it before the log is cut, and the start with it.
void LogProgram::come_back() {
  REQUIRE(stop_);
  const auto policy = stop_->policy;
  stop_.reset();
  LogOpening opening{h_.log->synced_end_offset(), h_.log->log_start_offset(), false};
  auto lower = model_.synced;
  if (const auto target = cutting_to_ ? cutting_to_ : restarting_at_) {
    auto cut = model_;
    cut.truncate(*target);
    lower = std::min(lower, restarting_at_ ? *target : cut.end);
    opening.recovery_point = std::min(opening.recovery_point, lower);
    opening.log_start_offset = std::min(opening.log_start_offset, *target);
    if (restarting_at_) lower = opening.log_start_offset;
  }
  h_.log.reset();
  h_.fs.clear_faults();
  h_.fs.crash(policy, random_());
  bring_up(opening);
  if (restarting_at_ && read_all().empty()) {
    model_.restart(h_.log->log_end_offset());
  } else {
    model_.start = std::max(std::min(model_.start, opening.log_start_offset), opening.log_start_offset);
  }
  take_over(lower);
}

// What is there is a prefix of what was, with all that was synced.
void LogProgram::take_over(Offset lower) {
  const auto end = h_.log->log_end_offset();
  REQUIRE(end >= lower);
  REQUIRE(end <= std::max(model_.end, model_.start));
  model_.lose_from(end);
  model_.synced = h_.log->synced_end_offset();
  model_.start = std::min(model_.start, end);
  forget_sequences();
  check_everything();
  next_leader();
}

// What a producer may send next is what the surviving log says. One whose last batch lies below the log start may or
// may not be known any more: a new one takes its place.
void LogProgram::forget_sequences() {
  for (auto& producer : producers_) {
    std::optional<record::BatchView> last;
    for (const auto& entry : model_.batches) {
      if (entry.view().producer_id() == producer.id && !entry.view().is_control()) last = entry.view();
    }
    if (last && last->last_offset() >= model_.start)
      producer.next_sequence = last->last_sequence() + 1;
    else
      producer = {ProducerId{next_producer_id_++}, 0};
  }
}

}  // namespace sluice::storage
