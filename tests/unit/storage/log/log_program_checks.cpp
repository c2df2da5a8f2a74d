#include "tests/unit/storage/log/log_program.hpp"

// What holds after every step.

namespace sluice::storage {

void LogProgram::check_bounds() {
  REQUIRE(h_.log->log_end_offset() == model_.end);
  REQUIRE(h_.log->log_start_offset() == model_.start);
  REQUIRE(h_.log->synced_end_offset() == model_.synced);
}

void LogProgram::check_everything() {
  check_bounds();
  const auto all = read_all();
  REQUIRE((all == model_.bytes(model_.start, model_.end)));
  check_epochs();
  check_timestamps();
  check_transactions();
}

test::Bytes LogProgram::read_all() {
  test::Bytes all;
  auto from = h_.log->log_start_offset();
  while (from < h_.log->log_end_offset()) {
    const auto slice = must(h_.log->read(from, 1U << 20, h_.log->log_end_offset(), true));
    if (slice.empty()) break;
    test::Bytes bytes(slice.size);
    must(slice.read(bytes));
    all.insert(all.end(), bytes.begin(), bytes.end());
    from = slice.next_offset;
  }
  return all;
}

// The cache names every epoch among the readable batches, which begins at its first or in the gap before that.
void LogProgram::check_epochs() {
  const auto epochs = h_.log->leader_epochs();
  auto latest = kNoLeaderEpoch;
  auto previous_end = model_.start;
  for (const auto& entry : model_.batches) {
    const auto batch = entry.view();
    if (batch.last_offset() < model_.start) continue;
    if (batch.partition_leader_epoch() != latest) {
      latest = batch.partition_leader_epoch();
      const auto known = std::find_if(epochs.begin(), epochs.end(),
                                      [&](const EpochStart& epoch) { return epoch.leader_epoch == latest; });
      CAPTURE(latest, previous_end, batch.base_offset());
      REQUIRE(known != epochs.end());
      REQUIRE(known->start_offset >= previous_end);
      REQUIRE(known->start_offset <= std::max(batch.base_offset(), model_.start));
    }
    previous_end = batch.next_offset();
  }
}

void LogProgram::check_timestamps() {
  const auto target = h_.now - static_cast<std::int64_t>(pick(200));
  const auto found = must(h_.log->find_timestamp(target));
  REQUIRE(found.offset == model_.find_timestamp(target));
  auto largest = kNoTimestamp;
  for (const auto& entry : model_.batches) {
    if (entry.view().last_offset() >= model_.start) largest = std::max(largest, entry.view().max_timestamp());
  }
  const auto max = must(h_.log->find_max_timestamp());
  REQUIRE(max.timestamp == largest);
}

// Of a transaction that began below the log start, what is still known depends on what was deleted and when; it must
// be known by its first visible record at the latest.
void LogProgram::check_transactions() {
  high_watermark_ = std::max(std::min(high_watermark_, model_.end), std::max(model_.synced, model_.start));
  high_watermark_ = pick_offset(high_watermark_, model_.end);
  auto lowest = high_watermark_;
  auto highest = high_watermark_;
  for (const auto& transaction : model_.transactions()) {
    if (transaction.marker != kNoOffset && transaction.marker < high_watermark_) continue;
    lowest = std::min(lowest, std::max(transaction.first_offset, model_.start));
    highest = std::min(highest, std::max(transaction.first_visible, model_.start));
  }
  const auto stable = h_.log->last_stable_offset(high_watermark_);
  CAPTURE(high_watermark_);
  REQUIRE(stable >= lowest);
  REQUIRE(stable <= highest);
  const auto from = pick_offset(model_.start, stable);
  check_aborted(from, pick_offset(from, stable));
}

void LogProgram::check_aborted(Offset from, Offset to) {
  const auto found = must(h_.log->aborted_transactions(from, to));
  REQUIRE(std::is_sorted(found.begin(), found.end(),
                         [](const auto& left, const auto& right) { return left.first_offset < right.first_offset; }));
  std::size_t expected = 0;
  for (const auto& transaction : model_.transactions()) {
    const bool overlaps = from < to && transaction.marker >= from && transaction.first_offset < to;
    if (!overlaps || transaction.committed) continue;
    const auto known = std::find_if(found.begin(), found.end(), [&](const AbortedTransaction& aborted) {
      return aborted.producer_id == transaction.producer_id && aborted.last_offset == transaction.marker;
    });
    CAPTURE(from, to, transaction.producer_id, transaction.first_offset, transaction.marker, model_.start);
    if (known == found.end()) {
      REQUIRE(transaction.first_offset < model_.start);
      REQUIRE(transaction.first_visible >= to);
      continue;
    }
    ++expected;
    REQUIRE(known->first_offset >= transaction.first_offset);
    REQUIRE((known->first_offset == transaction.first_offset || transaction.first_offset < model_.start));
    REQUIRE(known->first_offset <= transaction.first_visible);
    REQUIRE(known->last_stable_offset <= transaction.marker + 1);
  }
  REQUIRE(found.size() == expected);
}

}  // namespace sluice::storage
