#include "broker/fetch/replica_fetch_operation.hpp"

#include <algorithm>

#include "broker/metrics/broker_metrics.hpp"
#include "broker/server/blocking_pool.hpp"
#include "broker/services.hpp"
#include "broker/wall_clock.hpp"

namespace sluice::broker::fetch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes kWaitMax{5};
/// Partitions looked at for one answer: more than fill any.
constexpr std::size_t kTargetsMax = 4096;

}  // namespace

ReplicaFetchOperation::ReplicaFetchOperation(Services& services, IoThread& thread,
                                             std::shared_ptr<ReplicaFetchSession> session, const Limits& limits,
                                             Respond respond)
    : services_(services),
      thread_(thread),
      session_(std::move(session)),
      limits_(limits),
      respond_(std::move(respond)) {}

ReplicaFetchOperation::~ReplicaFetchOperation() {
  if (respond_) session_->stop_waiting();
}

void ReplicaFetchOperation::start() {
  try_answer(limits_.wait_max.count() <= 0);
  if (!respond_) return;
  deadline_ = thread_.after(std::min<std::chrono::milliseconds>(limits_.wait_max, kWaitMax),
                            [self = shared_from_this()] { self->try_answer(true); });
}

void ReplicaFetchOperation::on_session_progress() noexcept {
  if (check_scheduled_.exchange(true, std::memory_order_acq_rel)) return;
  thread_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->check_scheduled_.store(false, std::memory_order_release);
    self->try_answer(false);
  });
}

bool ReplicaFetchOperation::give_way() {
  if (!thread_.is_current()) return false;
  if (respond_) answer({});
  return true;
}

// Whoever moves a partition between the look and the wait is seen by the wait.
void ReplicaFetchOperation::try_answer(bool time_is_up) {
  if (!respond_) return;
  time_is_up_ = time_is_up_ || time_is_up || services_.stopping.load(std::memory_order_relaxed);
  if (reading_) return;
  do {
    if (!time_is_up_ && !session_->has_news()) continue;
    auto targets = session_->due(kTargetsMax);
    const auto reading = services_.settings.cold_read_ahead ? Reading::cached_only : Reading::in_place;
    auto collected = collect_for_replica(targets, reading, limits_.bytes_min, limits_.bytes_max, wall_clock_now());
    if (collected.read.cold && (collected.read.bytes == 0 || session_->is_cold_turn())) {
      return read_in_background(std::move(targets));
    }
    if (answer_if_enough(std::move(collected))) return;
  } while (!session_->wait(shared_from_this()));
}

bool ReplicaFetchOperation::answer_if_enough(ReplicaCollected collected) {
  const auto bytes_wanted = static_cast<std::size_t>(std::max(std::min(limits_.bytes_min, limits_.bytes_max), 0));
  if (!collected.read.answer_now && collected.read.bytes < bytes_wanted && !time_is_up_) return false;
  answer(std::move(collected));
  return true;
}

void ReplicaFetchOperation::answer(ReplicaCollected collected) {
  session_->stop_waiting();
  session_->note_answered(collected.answered);
  auto respond = std::move(*respond_);
  respond_.reset();
  collected.read.response.session_id = session_->id();
  respond(collected.read.response, std::move(collected.read.slices));
  if (!collected.read.followed.empty()) {
    services_.background.post([followed = std::move(collected.read.followed)] {
      for (const auto& slice : followed) slice.read_ahead_rest(kReadAheadBytes);
    });
  }
  deadline_.reset();  // last: it may hold the only reference to this
}

void ReplicaFetchOperation::read_in_background(std::vector<ReplicaTarget> targets) {
  reading_ = true;
  services_.metrics.cold_reads_total.add();
  services_.background.post([self = shared_from_this(), targets = std::move(targets), asked = Clock::now()]() mutable {
    auto collected = collect_for_replica(targets, Reading::in_background, self->limits_.bytes_min,
                                         self->limits_.bytes_max, wall_clock_now());
    auto& metrics = self->services_.metrics;
    metrics.cold_read_bytes_total.add(collected.read.cold_bytes);
    metrics.cold_read_latency.observe(Clock::now() - asked);
    targets.clear();
    auto& thread = self->thread_;
    thread.post([self = std::move(self), collected = std::move(collected)]() mutable {
      self->background_read_done(std::move(collected));
    });
  });
}

void ReplicaFetchOperation::background_read_done(ReplicaCollected collected) {
  reading_ = false;
  if (!respond_ || answer_if_enough(std::move(collected))) return;
  try_answer(false);
}

}  // namespace sluice::broker::fetch
