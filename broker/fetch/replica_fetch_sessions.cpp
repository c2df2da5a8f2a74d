#include "broker/fetch/replica_fetch_sessions.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <random>

#include "broker/fetch/replica_fetch_session.hpp"

namespace sluice::broker::fetch {
namespace {

constexpr std::chrono::minutes kUnusedForEviction{2};

}  // namespace

ReplicaFetchSessions::ReplicaFetchSessions() = default;
ReplicaFetchSessions::~ReplicaFetchSessions() = default;

std::shared_ptr<ReplicaFetchSession> ReplicaFetchSessions::begin(Follower follower, Instant now) {
  std::vector<Held> gone;  // declared before the lock: they have many watches to end
  const std::lock_guard lock{mutex_};
  const auto is_over = [&](const Held& held) {
    const bool earlier_life = held.session->follower() == follower.id && held.session->broker_epoch() < follower.epoch;
    return earlier_life || now - held.last_used > kUnusedForEviction;
  };
  const auto first_over = std::stable_partition(sessions_.begin(), sessions_.end(), std::not_fn(is_over));
  std::move(first_over, sessions_.end(), std::back_inserter(gone));
  sessions_.erase(first_over, sessions_.end());
  const auto is_its = [&](const Held& held) { return held.session->follower() == follower.id; };
  if (static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(), is_its)) >= kPerReplica) {
    const auto oldest = std::find_if(sessions_.begin(), sessions_.end(), is_its);
    gone.push_back(std::move(*oldest));
    sessions_.erase(oldest);
  }
  auto session = std::make_shared<ReplicaFetchSession>(
      new_id(), replication::Isr::Member{.id = follower.id, .epoch = follower.epoch});
  sessions_.push_back({session, now});
  return session;
}

std::shared_ptr<ReplicaFetchSession> ReplicaFetchSessions::find(BrokerId follower, std::int32_t session_id,
                                                                Instant now) {
  const std::lock_guard lock{mutex_};
  for (auto& held : sessions_) {
    if (held.session->id() != session_id || held.session->follower() != follower) continue;
    held.last_used = now;
    return held.session;
  }
  return nullptr;
}

void ReplicaFetchSessions::end(BrokerId follower, std::int32_t session_id) {
  std::shared_ptr<ReplicaFetchSession> gone;
  const std::lock_guard lock{mutex_};
  const auto found = std::find_if(sessions_.begin(), sessions_.end(), [&](const Held& held) {
    return held.session->id() == session_id && held.session->follower() == follower;
  });
  if (found == sessions_.end()) return;
  gone = std::move(found->session);
  sessions_.erase(found);
}

bool ReplicaFetchSessions::note_idle(std::size_t count, bool only_refusing) {
  std::vector<std::shared_ptr<ReplicaFetchSession>> all;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& held : sessions_) all.push_back(held.session);
  }
  if (!std::exchange(in_turn_, true)) {
    for (const auto& session : all) session->begin_turns();
  }
  bool more = false;
  for (const auto& session : all) more |= session->note_idle(count, only_refusing);
  in_turn_ = more;
  return more;
}

std::size_t ReplicaFetchSessions::session_count() const {
  const std::lock_guard lock{mutex_};
  return sessions_.size();
}

void ReplicaFetchSessions::clear() {
  std::vector<Held> gone;
  const std::lock_guard lock{mutex_};
  gone.swap(sessions_);
}

std::int32_t ReplicaFetchSessions::new_id() const {
  static thread_local std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<std::int32_t> ids{1, std::numeric_limits<std::int32_t>::max()};
  for (;;) {
    const auto id = ids(random);
    if (std::ranges::none_of(sessions_, [id](const Held& held) { return held.session->id() == id; })) return id;
  }
}

}  // namespace sluice::broker::fetch
