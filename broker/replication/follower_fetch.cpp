#include "broker/replication/follower_fetch.hpp"

#include <algorithm>
#include <limits>
#include <spdlog/spdlog.h>

#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::replication {
namespace {

using protocol::ErrorCode;
using protocol::FetchRequest;
using protocol::FetchResponse;

bool same_position(const FetchPosition& left, const FetchPosition& right) {
  return left.offset == right.offset && left.last_fetched_epoch == right.last_fetched_epoch &&
         left.current_leader_epoch == right.current_leader_epoch;
}

}  // namespace

FollowerFetch::FollowerFetch(BrokerId leader, const Options& options) : leader_(leader), options_(options) {}

FollowerFetch::~FollowerFetch() = default;

void FollowerFetch::add(std::shared_ptr<Partition> partition) {
  const PartitionKey key{partition->topic_id(), partition->name().partition};
  auto& entry = entries_[key];
  entry.partition = std::move(partition);
  entry.delay = {};
  go_on(entry);
}

void FollowerFetch::remove(const PartitionKey& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  auto& entry = found->second;
  if (entry.delayed) delays_.erase(*entry.delayed);
  if (entry.in_session) {
    --in_session_;
    forgotten_.push_back(key);
  }
  entries_.erase(found);
}

/// Is fetched, and named in the next request.
void FollowerFetch::go_on(Entry& entry) {
  if (entry.delayed) delays_.erase(*std::exchange(entry.delayed, std::nullopt));
  entry.state = State::fetching;
  if (!entry.Hook<NewsTag>::is_linked()) news_.push_back(entry);
}

void FollowerFetch::delay(Entry& entry, State state, std::chrono::milliseconds time, Instant now) {
  if (entry.delayed) delays_.erase(*entry.delayed);
  entry.Hook<NewsTag>::unlink();
  entry.state = state;
  entry.named_in = 0;
  entry.delayed = delays_.emplace(now + time, &entry);
}

void FollowerFetch::delay_after_error(Entry& entry, Instant now) {
  entry.delay = std::clamp(2 * entry.delay, options_.backoff_first, options_.backoff_max);
  delay(entry, State::delayed, entry.delay, now);
}

void FollowerFetch::end_delays(Instant now) {
  while (!delays_.empty() && delays_.begin()->first <= now) go_on(*delays_.begin()->second);
}

std::optional<FollowerFetch::Instant> FollowerFetch::next_deadline() const {
  if (delays_.empty()) return std::nullopt;
  return delays_.begin()->first;
}

std::optional<FollowerFetch::State> FollowerFetch::state_of(const PartitionKey& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  return found->second.state;
}

void FollowerFetch::end_session() {
  ++session_number_;
  session_id_ = 0;
  session_epoch_ = 0;
  forgotten_.clear();
  in_session_ = 0;
  for (auto& [key, entry] : entries_) {
    entry.in_session = false;
    entry.named_in = 0;
    if (entry.state == State::fetching) go_on(entry);
  }
}

bool FollowerFetch::wants_request() const noexcept {
  if (session_id_ == 0) return under_way_.empty() && !news_.empty();
  const bool news = !news_.empty() || !forgotten_.empty();
  return under_way_.empty() ? news || in_session_ > 0 : news && under_way_.size() == 1;
}

std::optional<FetchRequest> FollowerFetch::next_request(controller::BrokerEpoch broker_epoch, Instant now) {
  end_delays(now);
  if (!wants_request()) return std::nullopt;
  FetchRequest request;
  request.replica_state.replica_id = options_.self;
  request.replica_state.replica_epoch = broker_epoch.value();
  request.min_bytes = options_.bytes_min;
  request.max_bytes = options_.response_bytes_max;
  request.session_id = session_id_;
  request.session_epoch = session_epoch_;
  Request ours{.number = ++last_number_, .session = session_number_, .full = session_id_ == 0};

  std::vector<Entry*> named;
  for (auto& entry : news_) named.push_back(&entry);
  news_.clear();
  name(std::move(named), request, ours, now);
  forget(request);
  // None of them has a position, or a new one. (The metadata will tell.)
  const bool says_something = !request.topics.empty() || !request.forgotten_topics_data.empty();
  if (!says_something && (ours.full || !under_way_.empty())) return std::nullopt;
  // Whoever waits for the leader's word on our log (what is synced counts from then on) does not wait for records.
  request.max_wait_ms = ours.to_be_accepted.empty() ? static_cast<std::int32_t>(options_.wait_max.count()) : 0;
  if (!ours.full) session_epoch_ = session_epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : session_epoch_ + 1;
  under_way_.push_back(std::move(ours));
  return request;
}

void FollowerFetch::name(std::vector<Entry*> entries, FetchRequest& into, Request& request, Instant now) {
  std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return key_of(*a) < key_of(*b); });
  for (auto* entry : entries) {
    const auto position = entry->partition->fetch_position();
    if (!position || position->leader != leader_) {
      delay(*entry, State::awaiting_metadata, options_.backoff_max, now);
      continue;
    }
    if (entry->named_in != 0 && same_position(entry->asked, *position)) continue;
    const auto key = key_of(*entry);
    if (into.topics.empty() || into.topics.back().topic_id != key.topic_id)
      into.topics.emplace_back().topic_id = key.topic_id;
    auto& asked = into.topics.back().partitions.emplace_back();
    asked.partition = key.partition;
    asked.current_leader_epoch = position->current_leader_epoch;
    asked.fetch_offset = position->offset;
    asked.last_fetched_epoch = position->last_fetched_epoch;
    asked.log_start_offset = position->log_start_offset;
    asked.partition_max_bytes = options_.partition_bytes_max;
    entry->asked = *position;
    entry->named_in = request.number;
    if (!std::exchange(entry->in_session, true)) ++in_session_;
    if (entry->accepted_in != position->current_leader_epoch) request.to_be_accepted.push_back(key);
  }
}

void FollowerFetch::forget(FetchRequest& into) {
  std::sort(forgotten_.begin(), forgotten_.end());
  for (const auto& key : forgotten_) {
    auto& topics = into.forgotten_topics_data;
    if (topics.empty() || topics.back().topic_id != key.topic_id) topics.emplace_back().topic_id = key.topic_id;
    topics.back().partitions.push_back(key.partition);
  }
  forgotten_.clear();
}

void FollowerFetch::on_failure() {
  under_way_.clear();
  end_session();
}

bool FollowerFetch::on_response(const FetchResponse& response, Instant now, Timestamp wall_now) {
  SLUICE_ASSERT(!under_way_.empty());
  const auto request = std::move(under_way_.front());
  under_way_.pop_front();
  if (request.session != session_number_) return true;  // of a session that is over: all was asked again
  if (response.error_code != ErrorCode::none) {
    end_session();
    return false;
  }
  if (request.full) {
    session_id_ = response.session_id;
    session_epoch_ = session_id_ == 0 ? 0 : 1;
  }
  for (const auto& topic : response.responses) {
    for (const auto& data : topic.partitions) {
      const auto found = entries_.find({topic.topic_id, data.partition_index});
      if (found == entries_.end()) continue;
      auto& entry = found->second;
      if (entry.state != State::fetching || entry.named_in == 0 || entry.named_in > request.number) continue;
      take(entry, data, now, wall_now);
    }
  }
  accept(request);
  // Without a session every request names everything.
  if (session_id_ == 0) end_session();
  return true;
}

void FollowerFetch::accept(const Request& request) {
  for (const auto& key : request.to_be_accepted) {
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.named_in != request.number) continue;
    auto& entry = found->second;
    entry.accepted_in = entry.asked.current_leader_epoch;
    if (!entry.Hook<ProgressTag>::is_linked()) progress_.push_back(entry);
  }
  if (!request.full) return;
  // The leader, or the way to it, is a new one: what it was told before may be lost.
  for (auto& [key, entry] : entries_) {
    if (entry.accepted_in != kNoLeaderEpoch && !entry.Hook<ProgressTag>::is_linked()) progress_.push_back(entry);
  }
}

void FollowerFetch::take(Entry& entry, const PartitionData& data, Instant now, Timestamp wall_now) {
  if (data.error_code != ErrorCode::none) return take_error(entry, data, now);
  take_records(entry, data, now, wall_now);
}

void FollowerFetch::take_records(Entry& entry, const PartitionData& data, Instant now, Timestamp wall_now) {
  FetchedData fetched{.batches = data.records.bytes(),
                      .leader_high_watermark = data.high_watermark,
                      .leader_log_start = data.log_start_offset};
  if (data.diverging_epoch.epoch >= 0) {
    fetched.diverging = storage::EpochEnd{LeaderEpoch{data.diverging_epoch.epoch}, data.diverging_epoch.end_offset};
  }
  auto asked = entry.asked;
  if (SLUICE_BUG("replication: takes an answer of an older epoch")) {
    asked.current_leader_epoch = entry.partition->leader_epoch();
  }
  const auto taken = entry.partition->take_fetched(asked, fetched, wall_now);
  if (!taken) {
    spdlog::error("partition={} leader={} offset={} what was fetched can't be appended: {}",
                  entry.partition->name().to_string(), leader_.value(), asked.offset.value(), taken.error().message());
    return delay_after_error(entry, now);
  }
  if (!fetched.diverging && fetched.batches.empty()) return;
  if (fetched.diverging) entry.named_in = 0;  // what it said is not our log
  const auto position = entry.partition->fetch_position();
  if (position && same_position(*position, entry.asked)) return delay_after_error(entry, now);  // it led nowhere
  entry.delay = {};
  go_on(entry);
}

void FollowerFetch::take_error(Entry& entry, const PartitionData& data, Instant now) {
  switch (data.error_code) {
    case ErrorCode::offset_out_of_range: return restart(entry, data.log_start_offset, now);
    case ErrorCode::fenced_leader_epoch: return delay(entry, State::awaiting_metadata, options_.backoff_max, now);
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::unknown_leader_epoch:
    case ErrorCode::unknown_topic_id:
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::inconsistent_topic_id: break;  // its metadata or ours is on its way
    default:
      if (entry.delay.count() == 0) {
        spdlog::warn("partition={} leader={} can't be fetched: {}", entry.partition->name().to_string(),
                     leader_.value(), protocol::name(data.error_code));
      }
  }
  delay_after_error(entry, now);
}

// The leader's log lies wholly elsewhere. (One that only ends before ours diverges from it, which it tells.)
void FollowerFetch::restart(Entry& entry, Offset leader_log_start, Instant now) {
  const bool is_before = leader_log_start > entry.asked.offset;
  const bool is_empty = entry.asked.last_fetched_epoch == kNoLeaderEpoch;
  if (leader_log_start < Offset{0} || !(is_before || is_empty)) return delay_after_error(entry, now);
  const auto restarted = entry.partition->restart_at(entry.asked, leader_log_start);
  if (!restarted) {
    spdlog::error("partition={} leader={} can't be begun anew at offset {}: {}", entry.partition->name().to_string(),
                  leader_.value(), leader_log_start.value(), restarted.error().message());
    return delay_after_error(entry, now);
  }
  entry.named_in = 0;
  go_on(entry);
}

void FollowerFetch::note_synced(const PartitionKey& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.accepted_in == kNoLeaderEpoch) return;
  if (!found->second.Hook<ProgressTag>::is_linked()) progress_.push_back(found->second);
}

std::vector<ReplicaProgress::Item> FollowerFetch::take_progress(std::size_t items_max) {
  std::vector<ReplicaProgress::Item> items;
  while (!progress_.empty() && items.size() < items_max) {
    auto& entry = progress_.front();
    progress_.pop_front();
    auto& partition = *entry.partition;
    // The log is cut on this thread only, so that only the epoch can change between the two looks.
    const auto synced_end = SLUICE_BUG("replication: tells a synced end before it is synced")
                                ? partition.log_end_offset()
                                : partition.log().synced_end_offset();
    const auto leader_epoch = partition.leader_epoch();
    const bool accepted = leader_epoch == entry.accepted_in ||
                          SLUICE_BUG("replication: tells what is synced of a log that was not accepted");
    if (partition.leader() != leader_ || !accepted) continue;
    const auto key = key_of(entry);
    items.push_back(
        {.topic_id = key.topic_id, .partition = key.partition, .leader_epoch = leader_epoch, .synced_end = synced_end});
  }
  return items;
}

}  // namespace sluice::broker::replication
