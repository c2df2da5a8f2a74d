#include "broker/fetch/replica_fetch_session.hpp"

#include <limits>

#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::fetch {
namespace {

using protocol::ErrorCode;
using protocol::FetchRequest;
using replication::PartitionKey;

constexpr unsigned kFarFirstEvery = 4;
constexpr unsigned kColdTurnEvery = 4;
constexpr std::size_t kSettlingLooks = 1024;  // in one answer: those without enough replicas don't settle for long

}  // namespace

ReplicaFetchSession::~ReplicaFetchSession() {
  for (const auto& [key, entry] : entries_) unwatch(*entry);
}

controller::BrokerEpoch ReplicaFetchSession::broker_epoch() const {
  const std::lock_guard lock{mutex_};
  return member_.epoch;
}

std::size_t ReplicaFetchSession::partition_count() const {
  const std::lock_guard lock{mutex_};
  return entries_.size();
}

// What moves while it is unwatched from is lost, not dangling.
void ReplicaFetchSession::unwatch(Entry& entry) noexcept {
  if (entry.partition) entry.partition->unwatch(entry.watch);
  const std::lock_guard lock{moved_mutex_};
  entry.Hook<MovedTag>::unlink();
}

void ReplicaFetchSession::drop(const PartitionKey& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  unwatch(*found->second);
  entries_.erase(found);
}

ErrorCode ReplicaFetchSession::take(const FetchRequest& request, const Find& find, bool is_stale, Instant now) {
  const std::lock_guard lock{mutex_};
  if (id_ != 0 && request.session_epoch != epoch_) return ErrorCode::invalid_fetch_session_epoch;
  epoch_ = epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : epoch_ + 1;
  member_.epoch = controller::BrokerEpoch{request.replica_state.replica_epoch};
  fetched_at_ = now;
  for (const auto& topic : request.forgotten_topics_data) {
    for (const auto partition : topic.partitions) drop({topic.topic_id, partition});
  }
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      name({topic.topic_id, partition.partition}, partition, find, is_stale);
    }
  }
  return ErrorCode::none;
}

void ReplicaFetchSession::name(const PartitionKey& key, const FetchRequest::FetchPartition& asked, const Find& find,
                               bool is_stale) {
  auto& held = entries_[key];
  if (!held) {
    held = std::make_unique<Entry>(*this);
    turns_.push_back(*held);
  }
  auto& entry = *held;
  entry.key = key;
  entry.position = asked.fetch_offset;
  entry.leader_epoch = asked.current_leader_epoch;
  entry.last_fetched_epoch = asked.last_fetched_epoch;
  entry.bytes_max = asked.partition_max_bytes;
  entry.answered = false;
  entry.verdict.reset();
  if (auto partition = find(key); partition != entry.partition) {
    unwatch(entry);
    entry.partition = std::move(partition);
    // From before its end is looked at: nothing that is appended then is missed.
    if (entry.partition) entry.partition->watch(entry.watch);
  }
  entry.Hook<QueueTag>::unlink();
  const auto error = judge(entry, is_stale);
  if (error != ErrorCode::none) return queue_verdict(entry, error);
  if (entry.verdict) return verdicts_.push_back(entry);
  queue(entry);
}

/// Whether the follower may be served from there. If so, it counts; unless its log diverges, which is the verdict then:
/// it has all below its position only if ours is of its last record's epoch there (KIP-101, KIP-320).
ErrorCode ReplicaFetchSession::judge(Entry& entry, bool is_stale) {
  if (!entry.partition) return ErrorCode::unknown_topic_id;
  if (is_stale && !SLUICE_BUG("fetch: counts an earlier life of a follower")) return ErrorCode::not_leader_or_follower;
  auto& partition = *entry.partition;
  if (const auto error = partition.check_leadership(entry.leader_epoch); error != ErrorCode::none) return error;
  if (entry.last_fetched_epoch != kNoLeaderEpoch && !SLUICE_BUG("fetch: serves a follower whose log diverges")) {
    const auto known = partition.log().end_of_epoch(entry.last_fetched_epoch);
    if (known.leader_epoch == kNoLeaderEpoch) return ErrorCode::offset_out_of_range;
    if (known.leader_epoch < entry.last_fetched_epoch || known.end_offset < entry.position) {
      set_divergence(entry, known);
      return ErrorCode::none;
    }
  }
  if (entry.position < partition.log_start_offset() || entry.position > partition.log_end_offset()) {
    return ErrorCode::offset_out_of_range;
  }
  return partition.note_fetch(member_, entry.position, fetched_at_, entry.leader_epoch);
}

void ReplicaFetchSession::set_divergence(Entry& entry, const storage::EpochEnd& known) {
  auto& verdict = entry.verdict.emplace();
  verdict.partition_index = entry.key.partition;
  verdict.high_watermark = entry.partition->high_watermark();
  verdict.log_start_offset = entry.partition->log_start_offset();
  verdict.aborted_transactions.reset();
  verdict.records = wire::Records::view({});
  verdict.diverging_epoch.epoch = known.leader_epoch.value();
  verdict.diverging_epoch.end_offset = known.end_offset;
}

void ReplicaFetchSession::queue_verdict(Entry& entry, ErrorCode error) {
  auto& verdict = entry.verdict.emplace();
  verdict.partition_index = entry.key.partition;
  verdict.error_code = error;
  verdict.high_watermark = kNoOffset;
  verdict.aborted_transactions.reset();
  verdict.records = wire::Records::view({});
  if (entry.partition) {
    verdict.log_start_offset = entry.partition->log_start_offset();  // where a follower out of range begins anew
    verdict.current_leader.leader_id = entry.partition->leader();
    verdict.current_leader.leader_epoch = entry.partition->leader_epoch();
  }
  entry.Hook<QueueTag>::unlink();
  verdicts_.push_back(entry);
}

/// By what there is to tell of it. Pre: no verdict.
void ReplicaFetchSession::queue(Entry& entry) {
  const auto end = entry.partition->log_end_offset();
  if (entry.position < end) {
    entry.Hook<QueueTag>::unlink();
    (entry.far ? far_ : near_).push_back(entry);
  } else if (entry.told_high_watermark != end && !entry.Hook<QueueTag>::is_linked()) {
    settling_.push_back(entry);
  }
}

void ReplicaFetchSession::note_moved(Entry& entry) noexcept {
  const std::lock_guard lock{moved_mutex_};
  if (!entry.Hook<MovedTag>::is_linked()) moved_.push_back(entry);
  if (auto* waiter = std::exchange(waiter_, nullptr)) waiter->on_session_progress();
}

void ReplicaFetchSession::take_moved() {
  std::vector<Entry*> moved;
  {
    const std::lock_guard lock{moved_mutex_};
    for (auto& entry : moved_) moved.push_back(&entry);
    moved_.clear();
  }
  for (auto* entry : moved) {
    if (entry->answered || entry->verdict) continue;
    const auto error = entry->partition->check_leadership(entry->leader_epoch);
    if (error != ErrorCode::none) {
      queue_verdict(*entry, error);
    } else {
      queue(*entry);
    }
  }
}

bool ReplicaFetchSession::has_news() {
  const std::lock_guard lock{mutex_};
  take_moved();
  return !verdicts_.empty() || !near_.empty() || !far_.empty();
}

bool ReplicaFetchSession::wait(const std::shared_ptr<SessionWaiter>& waiter) {
  const std::lock_guard lock{mutex_};
  const std::lock_guard moved_lock{moved_mutex_};
  if (!moved_.empty()) return false;
  waiter_ = waiter.get();
  last_waiter_ = waiter;
  return true;
}

void ReplicaFetchSession::stop_waiting() noexcept {
  const std::lock_guard lock{moved_mutex_};
  waiter_ = nullptr;
}

bool ReplicaFetchSession::end_waiting() {
  std::shared_ptr<SessionWaiter> waiter;
  {
    const std::lock_guard lock{mutex_};
    waiter = last_waiter_.lock();
  }
  return !waiter || waiter->give_way();
}

ReplicaTarget ReplicaFetchSession::target_of(const Entry& entry) {
  return {.key = entry.key,
          .partition = entry.partition,
          .position = entry.position,
          .leader_epoch = entry.leader_epoch,
          .bytes_max = entry.bytes_max,
          .verdict = entry.verdict};
}

std::vector<ReplicaTarget> ReplicaFetchSession::due(std::size_t count_max) {
  const std::lock_guard lock{mutex_};
  take_moved();
  std::vector<ReplicaTarget> targets;
  list_due(verdicts_, std::numeric_limits<std::size_t>::max(), targets);
  const bool far_first = ++rounds_ % kFarFirstEvery == 0;
  list_due(far_first ? far_ : near_, count_max, targets);
  list_due(far_first ? near_ : far_, count_max, targets);
  list_settling(targets);
  return targets;
}

void ReplicaFetchSession::list_due(List<QueueTag>& from, std::size_t count_max,
                                   std::vector<ReplicaTarget>& into) const {
  for (auto& entry : from) {
    if (into.size() >= count_max) return;
    into.push_back(target_of(entry));
  }
}

// The first ones go to the end, so that all have their turn.
void ReplicaFetchSession::list_settling(std::vector<ReplicaTarget>& into) {
  List<QueueTag> seen;
  for (std::size_t looks = 0; looks < kSettlingLooks && !settling_.empty(); ++looks) {
    auto& entry = settling_.front();
    settling_.pop_front();
    const auto high_watermark = entry.partition->high_watermark();
    const bool is_news = high_watermark != entry.told_high_watermark;
    if (is_news) {
      into.push_back(target_of(entry));
      into.back().is_watermark_only = true;
    }
    if (is_news || high_watermark != entry.partition->log_end_offset()) seen.push_back(entry);
  }
  settling_.splice(settling_.end(), seen);
}

void ReplicaFetchSession::note_answered(const std::vector<ReplicaAnswered>& answered) {
  const std::lock_guard lock{mutex_};
  for (const auto& answer : answered) {
    const auto found = entries_.find(answer.key);
    if (found == entries_.end()) continue;
    auto& entry = *found->second;
    if (entry.position != answer.position || entry.answered) continue;  // named again meanwhile
    if (answer.high_watermark != kNoOffset) entry.told_high_watermark = answer.high_watermark;
    if (!answer.is_final) continue;
    entry.answered = true;
    entry.far = answer.left_more;
    entry.verdict.reset();
    entry.Hook<QueueTag>::unlink();
  }
}

bool ReplicaFetchSession::is_cold_turn() {
  const std::lock_guard lock{mutex_};
  if (++left_cold_ < kColdTurnEvery) return false;
  left_cold_ = 0;
  return true;
}

void ReplicaFetchSession::begin_turns() {
  const std::lock_guard lock{mutex_};
  turns_left_ = entries_.size();
}

bool ReplicaFetchSession::note_idle(std::size_t count, bool only_refusing) {
  const std::lock_guard lock{mutex_};
  for (; count > 0 && turns_left_ > 0 && !turns_.empty(); --count, --turns_left_) {
    auto& entry = turns_.front();
    turns_.splice(turns_.end(), turns_, turns_.begin());
    if (entry.answered || entry.verdict || !entry.partition) continue;
    if (only_refusing && entry.partition->check_in_sync() == ErrorCode::none) continue;
    if (entry.position != entry.partition->log_end_offset()) continue;
    entry.partition->note_fetch(member_, entry.position, fetched_at_, entry.leader_epoch);
  }
  if (turns_.empty()) turns_left_ = 0;
  return turns_left_ > 0;
}

}  // namespace sluice::broker::fetch
