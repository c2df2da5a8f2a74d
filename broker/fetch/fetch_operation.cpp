#include "broker/fetch/fetch_operation.hpp"

#include <algorithm>

#include "broker/metrics/broker_metrics.hpp"
#include "broker/server/blocking_pool.hpp"
#include "broker/services.hpp"

namespace sluice::broker::fetch {
namespace {

using Clock = std::chrono::steady_clock;

/// An empty answer is always allowed, and a client that is gone is remembered until its wait is over.
constexpr std::chrono::minutes kWaitMax{5};

}  // namespace

FetchOperation::FetchOperation(Services& services, IoThread& thread, FetchPlan plan, const FetchLimits& limits,
                               Respond respond)
    : services_(services), thread_(thread), plan_(std::move(plan)), limits_(limits), respond_(std::move(respond)) {}

FetchOperation::~FetchOperation() { stop_watching(); }

void FetchOperation::start() {
  if (try_answer(limits_.wait_max.count() <= 0)) return;
  wait();
  // What was appended between the look and the watch would otherwise wait for the next append.
  try_answer(false);
}

void FetchOperation::wait() {
  for (const auto& target : plan_.targets) {
    if (auto partition = find_partition(services_, target, limits_.by_topic_id)) {
      watched_.push_back(std::move(partition));
    }
  }
  watches_ = std::make_unique<replication::Watch[]>(watched_.size());
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    watches_[i].waiter = this;
    watched_[i]->watch(watches_[i]);
  }
  deadline_ = thread_.after(std::min<std::chrono::milliseconds>(limits_.wait_max, kWaitMax),
                            [self = shared_from_this()] { self->try_answer(true); });
}

void FetchOperation::stop_watching() noexcept {
  for (std::size_t i = 0; i < watched_.size(); ++i) watched_[i]->unwatch(watches_[i]);
  watched_.clear();
}

void FetchOperation::on_progress() noexcept {
  if (check_scheduled_.exchange(true, std::memory_order_acq_rel)) return;
  thread_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->check_scheduled_.store(false, std::memory_order_release);
    self->try_answer(false);
  });
}

bool FetchOperation::try_answer(bool time_is_up) {
  if (!respond_) return true;
  time_is_up_ = time_is_up_ || time_is_up;
  if (reading_) {
    look_again_ = true;
    return false;
  }
  const auto reading = services_.settings.cold_read_ahead ? Reading::cached_only : Reading::in_place;
  auto collected = FetchReader{services_, plan_.targets, limits_, reading}.collect();
  if (!collected.cold) return answer_if_enough(std::move(collected));
  read_in_background();
  return false;
}

bool FetchOperation::answer_if_enough(Collected collected) {
  // More than may be sent at once can't be waited for.
  const auto bytes_wanted = static_cast<std::size_t>(std::max(std::min(limits_.bytes_min, limits_.bytes_max), 0));
  const bool enough = collected.answer_now || plan_.targets.empty() || collected.bytes >= bytes_wanted;
  const bool stopping = services_.stopping.load(std::memory_order_relaxed);
  if (!enough && !time_is_up_ && !stopping) return false;
  services_.fetch_sessions.finish(plan_, collected.response);
  stop_watching();
  auto respond = std::move(*respond_);
  respond_.reset();
  if (!collected.followed.empty()) read_ahead(std::move(collected.followed));
  respond(collected.response, std::move(collected.slices));
  deadline_.reset();  // last: it may hold the only reference to this
  return true;
}

// The last reference must not end on the background thread: what is let go belongs to the connection's.
void FetchOperation::read_in_background() {
  reading_ = true;
  services_.metrics.cold_reads_total.add();
  services_.background.post([self = shared_from_this(), asked = Clock::now()]() mutable {
    auto collected = FetchReader{self->services_, self->plan_.targets, self->limits_, Reading::in_background}.collect();
    auto& metrics = self->services_.metrics;
    metrics.cold_read_bytes_total.add(collected.cold_bytes);
    metrics.cold_read_latency.observe(Clock::now() - asked);
    auto& thread = self->thread_;
    thread.post([self = std::move(self), collected = std::move(collected)]() mutable {
      self->background_read_done(std::move(collected));
    });
  });
}

void FetchOperation::background_read_done(Collected collected) {
  reading_ = false;
  if (!respond_ || answer_if_enough(std::move(collected))) return;
  if (std::exchange(look_again_, false)) try_answer(false);
}

void FetchOperation::read_ahead(std::vector<storage::LogSlice> followed) {
  services_.background.post([followed = std::move(followed)] {
    for (const auto& slice : followed) slice.read_ahead_rest(kReadAheadBytes);
  });
}

}  // namespace sluice::broker::fetch
