#include "broker/fetch/fetch_session.hpp"

#include <algorithm>
#include <limits>
#include <random>

namespace sluice::broker::fetch {
namespace {

using protocol::ErrorCode;
using protocol::FetchRequest;
using protocol::FetchResponse;

constexpr std::int32_t kFinalEpoch = -1;   // full fetch, no session wanted (or the one named is to end)
constexpr std::int32_t kInitialEpoch = 0;  // full fetch, session wanted
constexpr auto kUnusedForEviction = std::chrono::minutes{2};  // Kafka's, KIP-227

FetchTarget target_of(const FetchRequest::FetchTopic& topic, const FetchRequest::FetchPartition& partition) {
  return {.topic = topic.topic,
          .topic_id = topic.topic_id,
          .partition = partition.partition,
          .current_leader_epoch = partition.current_leader_epoch,
          .fetch_offset = partition.fetch_offset,
          .last_fetched_epoch = partition.last_fetched_epoch,
          .bytes_max = partition.partition_max_bytes};
}

std::vector<FetchTarget> targets_of(const FetchRequest& request) {
  std::vector<FetchTarget> targets;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) targets.push_back(target_of(topic, partition));
  }
  return targets;
}

}  // namespace

std::size_t FetchSession::KeyHash::operator()(const Key& key) const noexcept {
  return std::hash<std::string>{}(key.topic) ^ std::hash<Uuid>{}(key.topic_id) ^
         (static_cast<std::size_t>(key.partition.value()) * 0x9e3779b97f4a7c15ULL);
}

void FetchSession::advance_epoch() noexcept {
  epoch_ = epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : epoch_ + 1;
}

void FetchSession::update(const FetchRequest& request) {
  for (const auto& topic : request.forgotten_topics_data) {
    for (const auto partition : topic.partitions) {
      const auto found = by_key_.find({topic.topic, topic.topic_id, partition});
      if (found == by_key_.end()) continue;
      partitions_.erase(found->second);
      by_key_.erase(found);
    }
  }
  for (auto& target : targets_of(request)) {
    Key key{target.topic, target.topic_id, target.partition};
    const auto found = by_key_.find(key);
    if (found != by_key_.end()) {
      found->second->target = std::move(target);
    } else {
      partitions_.push_back({.target = std::move(target)});
      by_key_.emplace(std::move(key), std::prev(partitions_.end()));
    }
  }
}

std::vector<FetchTarget> FetchSession::targets() const {
  std::vector<FetchTarget> targets;
  targets.reserve(partitions_.size());
  for (const auto& known : partitions_) targets.push_back(known.target);
  return targets;
}

bool FetchSession::is_news(Known& known, const FetchResponse::PartitionData& data) const noexcept {
  return data.records.size() > 0 || data.error_code != ErrorCode::none || data.high_watermark != known.high_watermark ||
         data.log_start_offset != known.log_start_offset || data.last_stable_offset != known.last_stable_offset ||
         data.diverging_epoch.epoch >= 0 || data.preferred_read_replica != kNoBroker;
}

void FetchSession::note_and_prune(FetchResponse& response, bool incremental) {
  for (auto& topic : response.responses) {
    std::erase_if(topic.partitions, [&](const FetchResponse::PartitionData& data) {
      const auto found = by_key_.find({topic.topic, topic.topic_id, data.partition_index});
      if (found == by_key_.end()) return false;  // forgotten by a later request: the client ignores it
      auto& known = *found->second;
      const bool news = is_news(known, data);
      // An error leaves nothing known, so that its end is news too.
      const bool sound = data.error_code == ErrorCode::none;
      known.high_watermark = sound ? data.high_watermark : kNoOffset;
      known.log_start_offset = sound ? data.log_start_offset : kNoOffset;
      known.last_stable_offset = sound ? data.last_stable_offset : kNoOffset;
      if (data.records.size() > 0) partitions_.splice(partitions_.end(), partitions_, found->second);
      return incremental && !news;
    });
  }
  std::erase_if(response.responses, [](const auto& topic) { return topic.partitions.empty(); });
}

FetchPlan FetchSessionCache::begin(const FetchRequest& request, std::int16_t version, Instant now) {
  const bool by_topic_id = version >= 13;
  if (request.session_epoch != kFinalEpoch && request.session_epoch != kInitialEpoch) {
    return go_on(request, by_topic_id, now);
  }
  if (request.session_id != 0) {
    const std::lock_guard lock{mutex_};
    drop(request.session_id);
  }
  if (request.session_epoch == kInitialEpoch && version >= 7) return begin_session(request, by_topic_id, now);
  return {.targets = targets_of(request)};
}

FetchPlan FetchSessionCache::begin_session(const FetchRequest& request, bool by_topic_id, Instant now) {
  FetchPlan plan{.targets = targets_of(request)};
  const std::lock_guard lock{mutex_};
  if (plan.targets.empty() || !make_room(now)) return plan;
  plan.session_id = new_id();
  by_age_.push_back(plan.session_id);
  auto& held =
      sessions_
          .emplace(plan.session_id, Held{FetchSession{plan.session_id, by_topic_id}, now, std::prev(by_age_.end())})
          .first->second;
  held.session.update(request);
  return plan;
}

FetchPlan FetchSessionCache::go_on(const FetchRequest& request, bool by_topic_id, Instant now) {
  const std::lock_guard lock{mutex_};
  const auto found = sessions_.find(request.session_id);
  if (found == sessions_.end()) return {.error = ErrorCode::fetch_session_id_not_found};
  auto& held = found->second;
  if (held.session.epoch() != request.session_epoch) return {.error = ErrorCode::invalid_fetch_session_epoch};
  if (held.session.by_topic_id() != by_topic_id) return {.error = ErrorCode::fetch_session_topic_id_error};
  held.session.update(request);
  held.session.advance_epoch();
  held.last_used = now;
  by_age_.splice(by_age_.end(), by_age_, held.age);
  return {.session_id = request.session_id, .incremental = true, .targets = held.session.targets()};
}

void FetchSessionCache::finish(const FetchPlan& plan, FetchResponse& response) {
  response.session_id = plan.session_id;
  if (plan.session_id == 0) return;
  const std::lock_guard lock{mutex_};
  const auto found = sessions_.find(plan.session_id);
  if (found != sessions_.end()) found->second.session.note_and_prune(response, plan.incremental);
}

std::size_t FetchSessionCache::session_count() const {
  const std::lock_guard lock{mutex_};
  return sessions_.size();
}

bool FetchSessionCache::make_room(Instant now) {
  if (sessions_.size() < slots_) return true;
  if (by_age_.empty() || now - sessions_.at(by_age_.front()).last_used < kUnusedForEviction) return false;
  drop(by_age_.front());
  return true;
}

void FetchSessionCache::drop(std::int32_t id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  by_age_.erase(found->second.age);
  sessions_.erase(found);
}

std::int32_t FetchSessionCache::new_id() {
  // Random, so that a client can't guess its way into the session of another.
  static thread_local std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<std::int32_t> ids{1, std::numeric_limits<std::int32_t>::max()};
  auto id = ids(random);
  while (sessions_.contains(id)) id = ids(random);
  return id;
}

}  // namespace sluice::broker::fetch
