#include "broker/replication/isr.hpp"

#include <utility>

#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::replication {

using controller::kNoBrokerEpoch;
using controller::PartitionImage;

Isr::Isr(BrokerId self, const PartitionImage& image, Offset epoch_start, Instant now)
    : self_(self), epoch_start_(epoch_start), partition_epoch_(image.partition_epoch), last_now_(now) {
  set_members(image);
  // Those in sync are given the time to come and say so.
  for (auto& [id, follower] : followers_) {
    if (follower.is_committed) follower.caught_up_at = follower.synced_caught_up_at = now;
  }
}

void Isr::set_members(const PartitionImage& image) {
  std::erase_if(followers_, [&](const auto& item) { return !image.has_replica(item.first); });
  for (const auto id : image.replicas) {
    if (id != self_) followers_.try_emplace(id);
  }
  committed_ = image.isr;
  for (auto& [id, follower] : followers_) {
    const bool was_counted = follower.is_committed || follower.is_pending;
    follower.is_committed = image.is_in_sync(id);
    follower.is_pending = false;
    // It must come again to be taken in: it may be gone.
    if (was_counted && !follower.is_committed) follower.forget_position();
  }
}

void Isr::apply(const PartitionImage& image) {
  if (image.partition_epoch <= partition_epoch_) return;
  partition_epoch_ = image.partition_epoch;
  // A change that was asked for with an older partition epoch has been made by now, or never will be.
  set_members(image);
  forget_pending();
  retry_at_ = kNever;
}

void Isr::Follower::forget_position() noexcept {
  // What it had synced stays synced in its life; it is told once, and not again by one that is idle.
  log_end = leader_end_at_fetch = awaited_sync = kNoOffset;
  caught_up_at = synced_caught_up_at = kNever;
}

void Isr::Follower::on_caught_up(Instant at, Offset end) {
  caught_up_at = std::max(caught_up_at, at);
  if (synced_end >= end) {
    synced_caught_up_at = std::max(synced_caught_up_at, at);
  } else if (awaited_sync == kNoOffset) {
    awaited_sync = end;
    awaited_since = at;
  }
}

bool Isr::on_fetch(Member member, Offset position, Offset leader_end, Instant now) {
  tick(now);
  const auto found = followers_.find(member.id);
  if (found == followers_.end()) return false;
  auto& follower = found->second;
  if (member.epoch != kNoBrokerEpoch) {
    if (member.epoch < follower.epoch && !SLUICE_BUG("replication: an earlier life of a follower counts")) return false;
    // A new life: what it had not synced may be gone.
    if (member.epoch > follower.epoch && follower.epoch != kNoBrokerEpoch) {
      follower.log_end = follower.synced_end = follower.leader_end_at_fetch = follower.awaited_sync = kNoOffset;
    }
    follower.epoch = member.epoch;
  }
  if (position < follower.log_end || follower.log_end == kNoOffset) {
    follower.synced_end = std::min(follower.synced_end, position);
    follower.awaited_sync = kNoOffset;
  }
  if (position >= leader_end) {
    follower.on_caught_up(now, leader_end);
  } else if (SLUICE_BUG("replication: a follower that fetches is not behind")) {
    follower.on_caught_up(now, position);
  } else if (follower.leader_end_at_fetch != kNoOffset && position >= follower.leader_end_at_fetch) {
    follower.on_caught_up(follower.fetched_at, follower.leader_end_at_fetch);
  }
  follower.has_come = true;
  follower.log_end = position;
  follower.leader_end_at_fetch = leader_end;
  follower.fetched_at = now;
  return true;
}

bool Isr::on_synced(BrokerId id, Offset synced_end) {
  const auto found = followers_.find(id);
  if (found == followers_.end()) return false;
  auto& follower = found->second;
  // Of one that a shrink took out the position is not known any more, but what it follows is this log.
  if (!follower.has_come || synced_end <= follower.synced_end) return false;
  follower.synced_end = synced_end;
  if (follower.awaited_sync != kNoOffset && synced_end >= follower.awaited_sync) {
    follower.synced_caught_up_at = std::max(follower.synced_caught_up_at, follower.awaited_since);
    follower.awaited_sync = kNoOffset;
  }
  return true;
}

std::size_t Isr::enough(int min_in_sync) const noexcept {
  if (SLUICE_BUG("replication: acknowledges below min.insync.replicas")) return 1;
  return std::min(static_cast<std::size_t>(std::max(min_in_sync, 1)), replica_count());
}

std::optional<Offset> Isr::replicated_end(Ends own, bool synced, int min_in_sync) const {
  if (committed_.size() < enough(min_in_sync)) return std::nullopt;
  if (SLUICE_BUG("replication: the high watermark counts what is not synced")) synced = false;
  auto end = synced ? own.synced_end : own.log_end;
  for (const auto& [id, follower] : followers_) {
    const bool is_joining = follower.is_pending || is_waited_for(follower, synced);
    if (follower.is_committed ||
        (is_joining && !SLUICE_BUG("replication: the high watermark counts the committed ISR alone"))) {
      end = std::min(end, follower.end(synced));
    }
  }
  return end;
}

/// One that could not join is waited for again when it has kept up beyond the time that it is not asked for: till then
/// it may have gone, as those do that were refused because they leave.
bool Isr::is_waited_for(const Follower& follower, bool synced) const {
  const auto caught_up_at = follower.last_caught_up(synced);
  return follower.end(synced) >= epoch_start_ && last_now_ - caught_up_at <= kJoinWait && caught_up_at >= retry_at_;
}

bool Isr::is_caught_up(const Follower& follower, Offset own_end, bool synced, std::chrono::milliseconds lag_max,
                       Instant now) const {
  return follower.end(synced) >= own_end || now - follower.last_caught_up(synced) <= lag_max;
}

bool Isr::is_eligible(const Follower& follower, Offset high_watermark, bool synced) const {
  const auto end = follower.end(synced);
  return end != kNoOffset && end >= high_watermark && end >= epoch_start_;
}

std::optional<std::vector<Isr::Member>> Isr::wanted(Offset own_end, Offset high_watermark,
                                                    std::chrono::milliseconds lag_max, Instant now, bool synced) const {
  if (in_flight_ || now < retry_at_) return std::nullopt;
  if (pending_) return pending_;
  std::vector<Member> members;
  bool changes = false;
  for (const auto id : committed_) {
    const auto follower = followers_.find(id);
    if (follower == followers_.end()) {
      members.push_back({.id = id});  // self
    } else if (is_caught_up(follower->second, own_end, synced, lag_max, now)) {
      members.push_back({.id = id, .epoch = follower->second.epoch});
    } else {
      changes = true;
    }
  }
  for (const auto& [id, follower] : followers_) {
    if (follower.is_committed || !is_eligible(follower, high_watermark, synced)) continue;
    members.push_back({.id = id, .epoch = follower.epoch});
    changes = true;
  }
  if (!changes) return std::nullopt;
  return members;
}

void Isr::on_change_sent(std::vector<Member> isr) {
  for (const auto& member : isr) {
    if (const auto follower = followers_.find(member.id); follower != followers_.end()) {
      follower->second.is_pending = true;
    }
  }
  pending_ = std::move(isr);
  asked_with_ = partition_epoch_;
  in_flight_ = true;
}

void Isr::on_change_failed(bool unknown, Instant now) {
  in_flight_ = false;
  if (SLUICE_BUG("replication: a change of the ISR that nobody answered is forgotten")) unknown = false;
  if (unknown || !pending_) return;
  forget_pending();
  retry_at_ = now + kRetryAfter;
}

void Isr::on_change_outdated(Instant now) {
  in_flight_ = false;
  if (partition_epoch_ > asked_with_) return;  // the news has come before the answer
  retry_at_ = now + kNewsWait;
}

void Isr::on_change_made(const PartitionImage& now) {
  in_flight_ = false;
  apply(now);
  if (now.partition_epoch == partition_epoch_) forget_pending();
}

void Isr::forget_pending() {
  pending_.reset();
  in_flight_ = false;
  for (auto& [id, follower] : followers_) follower.is_pending = false;
}

}  // namespace sluice::broker::replication
