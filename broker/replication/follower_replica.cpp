#include <algorithm>
#include <array>
#include <spdlog/spdlog.h>

#include "broker/replication/partition.hpp"
#include "protocol/base/planted_bug.hpp"
#include "protocol/record/batch_view.hpp"

// What a replica does as its leader's follower.

namespace sluice::broker::replication {
namespace {

/// The batches that are whole: a fetch may cut the last one short.
ByteView whole_batches(ByteView bytes) {
  record::BatchWalker walker{bytes};
  while (walker.next()) {
  }
  return bytes.first(bytes.size() - walker.rest().size());
}

/// Of the batch that holds `offset`: a log is cut between batches.
Offset start_of_batch(const storage::Log& log, Offset offset) {
  auto slice = log.read(offset, 1, log.log_end_offset(), true);
  std::array<std::byte, 8> first{};  // a batch begins with its base offset
  if (!slice || slice->size < first.size()) return log.log_start_offset();
  slice->size = static_cast<std::uint32_t>(first.size());
  if (!slice->read(first)) return log.log_start_offset();
  return std::clamp(Offset{load_be<std::int64_t>(first.data())}, Offset{0}, offset);
}

/// Whether they can be of one log, behind a record of `after`, as the leader of `reign` has it. Bytes are sent from its
/// file for a while after it was cut by the next leader's word: then they are of that one's log, which ours may differ
/// from before them.
bool fits_epochs(ByteView batches, LeaderEpoch after, LeaderEpoch reign) {
  record::BatchWalker walker{batches};
  while (const auto batch = walker.next()) {
    const auto epoch = batch->partition_leader_epoch();
    if (epoch < after || epoch > reign) return false;
    after = epoch;
  }
  return true;
}

}  // namespace

std::optional<FetchPosition> Partition::fetch_position() const {
  const std::shared_lock role{role_mutex_};
  if (is_stopped_ || is_leader() || leader() == kNoBroker) return std::nullopt;
  const auto end = log_end_offset();
  const bool has_records =
      end > log_start_offset() && !SLUICE_BUG("replication: a follower keeps what its leader lacks");
  return FetchPosition{.offset = end,
                       .last_fetched_epoch = has_records ? log_->leader_epoch_at(end - 1) : kNoLeaderEpoch,
                       .current_leader_epoch = leader_epoch(),
                       .log_start_offset = log_start_offset(),
                       .leader = leader()};
}

bool Partition::is_still_asked(const FetchPosition& asked) const {
  return !is_stopped_ && !is_leader() && leader() == asked.leader && leader_epoch() == asked.current_leader_epoch &&
         log_end_offset() == asked.offset;
}

Result<> Partition::take_fetched(const FetchPosition& asked, const FetchedData& fetched, Timestamp now) {
  const std::shared_lock role{role_mutex_};
  const std::lock_guard lock{follower_mutex_};
  if (!is_still_asked(asked)) return {};
  if (fetched.diverging) return cut_back(*fetched.diverging);
  if (!fetched.batches.empty()) {
    if (const auto appended = append_fetched(whole_batches(fetched.batches), now); !appended) return appended.error();
  }
  follow_high_watermark(fetched.leader_high_watermark);
  const auto start = std::min(fetched.leader_log_start, high_watermark());
  if (start > log_start_offset()) {
    if (const auto moved = log_->advance_log_start(start); !moved) return moved.error();
  }
  return {};
}

// KIP-101, KIP-279: what lies past the end of the last epoch that both have, on either side, is not the leader's. Where
// the leader named an epoch that we don't have, the next fetch tells how far we agree now.
Result<> Partition::cut_back(storage::EpochEnd leaders) {
  const auto own = log_->end_of_epoch(leaders.leader_epoch);
  if (leaders.end_offset < Offset{0} || own.end_offset < Offset{0}) return std::make_error_code(std::errc::bad_message);
  const auto end = std::min(leaders.end_offset, own.end_offset);
  // An answer that leads nowhere would be asked for for ever.
  if (end >= log_end_offset()) return std::make_error_code(std::errc::bad_message);
  if (end < high_watermark()) {
    spdlog::warn(
        "partition={} leader_epoch={} cut from={} to={} high_watermark={}: the leader lacks what was replicated",
        name_.to_string(), leader_epoch().value(), log_end_offset().value(), end.value(), high_watermark().value());
  } else {
    spdlog::info("partition={} leader_epoch={} cut from={} to={}", name_.to_string(), leader_epoch().value(),
                 log_end_offset().value(), end.value());
  }
  if (before_cut_) {
    if (const auto ready = before_cut_(name_, start_of_batch(*log_, end)); !ready) return ready.error();
  }
  if (const auto cut = log_->truncate_to(end); !cut) return cut.error();
  high_watermark_.store(std::min(high_watermark(), log_end_offset()).value(), std::memory_order_release);
  flush_.on_cut(log_end_offset());
  return {};
}

Result<> Partition::append_fetched(ByteView batches, Timestamp now) {
  const auto end = log_end_offset();
  // An epoch that began here and got no record: what comes is of another one.
  const auto last = end > log_start_offset() ? log_->leader_epoch_at(end - 1) : kNoLeaderEpoch;
  if (log_->latest_leader_epoch() != last) {
    if (const auto forgotten = log_->truncate_to(end); !forgotten) return forgotten.error();
  }
  if (!fits_epochs(batches, last, leader_epoch())) return std::make_error_code(std::errc::bad_message);
  const auto appended = log_->append_as_follower(batches, now);
  if (log_end_offset() > end) {
    waiters_.on_append();
    if (syncs_every_append()) {
      syncer_.request(shared_from_this());
    } else {
      flush_in_time();
    }
  }
  return appended;
}

// Never back: what was replicated once is in the log of every leader that follows.
void Partition::follow_high_watermark(Offset leaders) {
  auto to = std::min(leaders, log_end_offset());
  if (SLUICE_BUG("replication: a follower's high watermark is beyond its log")) to = leaders;
  if (to <= high_watermark()) return;
  high_watermark_.store(to.value(), std::memory_order_release);
  static_cast<void>(log_->last_stable_offset(to));
}

Result<> Partition::restart_at(const FetchPosition& asked, Offset leader_log_start) {
  const std::shared_lock role{role_mutex_};
  const std::lock_guard lock{follower_mutex_};
  if (!is_still_asked(asked)) return {};
  spdlog::info("partition={} leader_epoch={} begins anew at={}: the leader has nothing before", name_.to_string(),
               leader_epoch().value(), leader_log_start.value());
  if (const auto started = log_->truncate_fully_and_start_at(leader_log_start); !started) return started.error();
  high_watermark_.store(leader_log_start.value(), std::memory_order_release);
  flush_.on_cut(log_end_offset());
  return {};
}

}  // namespace sluice::broker::replication
