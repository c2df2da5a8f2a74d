#include "broker/replication/isr_change_driver.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <spdlog/spdlog.h>
#include <string>
#include <utility>
#include <vector>

#include "broker/controller/controller.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition.hpp"
#include "broker/replication/partition_key.hpp"
#include "broker/replication/partition_table.hpp"

namespace sluice::broker::replication {
namespace {

using controller::AlterPartitionRequest;
using controller::AlterPartitionResponse;
using protocol::ErrorCode;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kChangesMax = 5000;   // of one request
constexpr std::size_t kLooksAtOnce = 1000;  // partitions

bool is_no_answer(ErrorCode error) {
  return error == ErrorCode::request_timed_out || error == ErrorCode::network_exception ||
         error == ErrorCode::unknown_server_error;
}

/// Of the change that was asked for it is known whether it was made.
bool is_definite(ErrorCode error) {
  return error == ErrorCode::none || error == ErrorCode::ineligible_replica || error == ErrorCode::invalid_request;
}

/// What the controller would say now (KIP-841). It is asked again after the time that follows any refusal: by then the
/// image may show the broker serving.
AlterPartitionResponse::Item refuse_for_now(const AlterPartitionRequest::Change& change) {
  AlterPartitionResponse::Item item;
  item.topic_id = change.topic_id;
  item.partition = change.partition;
  item.error_code = ErrorCode::ineligible_replica;
  return item;
}

/// One line for all that were refused for the same reason: a broker that leaves is in many partitions.
class Refusals {
 public:
  void add(ErrorCode reason, const Partition& partition) {
    auto& [count, example] = by_reason_[reason];
    if (count++ == 0) example = partition.name().to_string();
  }
  void tell() const {
    for (const auto& [reason, refused] : by_reason_) {
      spdlog::info("partitions={} changes of ISRs were refused: {} (partition={}{})", refused.first,
                   protocol::name(reason), refused.second, refused.first > 1 ? " and others" : "");
    }
  }

 private:
  std::map<ErrorCode, std::pair<std::size_t, std::string>> by_reason_;
};

}  // namespace

struct IsrChangeDriver::Parts : std::enable_shared_from_this<Parts> {
  using PartitionPtr = std::shared_ptr<Partition>;

  Parts(const Options& opts, IoThread& io_thread, PartitionTable& table, controller::Controller& ctrl)
      : options(opts), thread(io_thread), partitions(table), controller(ctrl) {}

  void want(const PartitionPtr& partition);
  void look_again();  ///< soon, on the thread
  void send();
  bool keep_eligible(AlterPartitionRequest::Change& change, const Partition& partition) const;
  void take(const AlterPartitionResponse& response);
  void take_items(const AlterPartitionResponse& response);
  void fail(ErrorCode error);
  void retry_later();
  void check();
  void note_idle(bool only_refusing);
  void look_at_some();
  void schedule_check();

  const Options options;
  IoThread& thread;
  PartitionTable& partitions;
  controller::Controller& controller;
  std::atomic<std::int64_t> broker_epoch{controller::kNoBrokerEpoch.value()};
  std::atomic<bool> stopped{false};

  std::mutex mutex;  // of the two below; taken with a partition's locks held
  std::map<PartitionKey, PartitionPtr> wanted;
  bool look_posted = false;

  // On the thread.
  std::map<PartitionKey, PartitionPtr> asked;  // of the request under way; empty: none is
  std::set<PartitionKey> undecided;            // whose last change may have been made, or may yet be
  bool waits = false;                          // for retry_timer
  Clock::time_point idle_noted_at{};
  std::optional<PartitionTable::Walk> walk;  // under way
  bool refuses = false;                      // some partition that was met on it
  std::unique_ptr<Timer> retry_timer;
  std::unique_ptr<Timer> check_timer;
};

void IsrChangeDriver::Parts::want(const PartitionPtr& partition) {
  const std::lock_guard lock{mutex};
  wanted.emplace(PartitionKey{partition->topic_id(), partition->name().partition}, partition);
  if (!std::exchange(look_posted, true)) {
    thread.post([self = shared_from_this()] { self->look_again(); });
  }
}

void IsrChangeDriver::Parts::look_again() {
  {
    const std::lock_guard lock{mutex};
    look_posted = false;
  }
  send();
}

void IsrChangeDriver::Parts::send() {
  const controller::BrokerEpoch epoch{broker_epoch.load(std::memory_order_relaxed)};
  if (stopped.load(std::memory_order_relaxed) || !asked.empty() || waits || epoch.value() < 0) return;
  std::vector<PartitionPtr> candidates;
  {
    const std::lock_guard lock{mutex};
    while (!wanted.empty() && candidates.size() < kChangesMax) {
      candidates.push_back(std::move(wanted.begin()->second));
      wanted.erase(wanted.begin());
    }
  }
  AlterPartitionRequest request{.broker = options.self, .broker_epoch = epoch};
  const auto now = Clock::now();
  for (auto& partition : candidates) {
    auto change = partition->take_isr_change(now);
    if (!change) continue;
    const PartitionKey key{change->topic_id, change->partition};
    // What may have been made already only the controller can refuse.
    if (!undecided.contains(key) && !keep_eligible(*change, *partition)) {
      partition->on_isr_response(refuse_for_now(*change), now);
      continue;
    }
    undecided.insert(key);
    asked.emplace(key, std::move(partition));
    request.changes.push_back(std::move(*change));
  }
  if (asked.empty()) return;
  controller::call(controller, std::move(request), [self = shared_from_this()](const AlterPartitionResponse& response) {
    self->thread.post([self, response] { self->take(response); });
  });
}

/// The partition counts on those who are left out here until it has the answer, as on any who may have joined. False:
/// nothing would change.
bool IsrChangeDriver::Parts::keep_eligible(AlterPartitionRequest::Change& change, const Partition& partition) const {
  if (options.images == nullptr) return true;
  const auto image = options.images->image();
  const auto left_out = std::erase_if(change.isr, [&](const AlterPartitionRequest::Member& member) {
    const auto* broker = image->find_broker(member.id);
    return member.id != options.self && (broker == nullptr || !broker->is_active());
  });
  if (left_out == 0) return true;
  const auto committed = partition.isr();
  return committed.size() != change.isr.size() || !std::ranges::all_of(change.isr, [&](const auto& member) {
           return std::ranges::find(committed, member.id) != committed.end();
         });
}

void IsrChangeDriver::Parts::take(const AlterPartitionResponse& response) {
  if (response.error_code == ErrorCode::none) {
    take_items(response);
  } else {
    fail(response.error_code);
  }
  send();
}

void IsrChangeDriver::Parts::take_items(const AlterPartitionResponse& response) {
  const auto now = Clock::now();
  bool refused_for_now = false;
  Refusals refusals;
  for (const auto& item : response.items) {
    const auto found = asked.find({item.topic_id, item.partition});
    if (found == asked.end()) continue;
    const auto partition = std::move(found->second);
    asked.erase(found);
    if (is_definite(item.error_code)) undecided.erase({item.topic_id, item.partition});
    if (item.error_code != ErrorCode::none) refusals.add(item.error_code, *partition);
    // An item can't say that there is no controller otherwise.
    if (item.error_code == ErrorCode::not_controller || is_no_answer(item.error_code)) {
      partition->on_isr_failed(true);
      refused_for_now = true;
      want(partition);
      continue;
    }
    partition->on_isr_response(item, now);
  }
  refusals.tell();
  const bool unanswered = !asked.empty();
  for (const auto& [key, partition] : std::exchange(asked, {})) {
    partition->on_isr_failed(true);
    want(partition);
  }
  if (refused_for_now || unanswered) retry_later();
}

/// Whatever is said in the end: an attempt before it may have reached a controller that lost its office while it wrote
/// the change down, and the next one may find it in its log. The outcome is unknown.
void IsrChangeDriver::Parts::fail(ErrorCode error) {
  spdlog::info("partitions={} changes of ISRs were not made: {}", asked.size(), protocol::name(error));
  for (const auto& [key, partition] : std::exchange(asked, {})) {
    partition->on_isr_failed(true);
    want(partition);
  }
  retry_later();
}

void IsrChangeDriver::Parts::retry_later() {
  waits = true;
  retry_timer = thread.after(options.retry_interval, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->waits = false;
    self->send();
  });
}

void IsrChangeDriver::Parts::check() {
  const auto now = Clock::now();
  refuses = false;
  walk = partitions.walk();
  if (!options.note_idle || now - idle_noted_at < options.lag_max / 2) return look_at_some();
  idle_noted_at = now;
  note_idle(false);
}

/// Some at a time, then what comes next: the look at the partitions, or, at the end of it, the wait for the next one.
void IsrChangeDriver::Parts::note_idle(bool only_refusing) {
  if (stopped.load(std::memory_order_relaxed)) return;
  if (options.note_idle(kLooksAtOnce, only_refusing)) {
    return thread.post([self = shared_from_this(), only_refusing] { self->note_idle(only_refusing); });
  }
  if (only_refusing) return schedule_check();
  look_at_some();
}

void IsrChangeDriver::Parts::look_at_some() {
  if (stopped.load(std::memory_order_relaxed)) return;
  const auto now = Clock::now();
  const bool more = walk->visit(kLooksAtOnce, [&](const PartitionPtr& partition) {
    if (!partition->is_leader() || partition->is_only_replica()) return;
    partition->check_isr(now);
    refuses = refuses || partition->check_in_sync() == ErrorCode::not_enough_replicas;
  });
  if (more) return thread.post([self = shared_from_this()] { self->look_at_some(); });
  walk.reset();
  // An idle follower that was taken out says nothing that would bring it back, and its partition takes nothing till
  // then.
  if (refuses && options.note_idle) return note_idle(true);
  schedule_check();
}

void IsrChangeDriver::Parts::schedule_check() {
  const auto interval =
      std::clamp<std::chrono::milliseconds>(options.lag_max / 4, std::chrono::milliseconds{1}, std::chrono::seconds{1});
  check_timer = thread.after(interval, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->check();
  });
}

IsrChangeDriver::IsrChangeDriver(const Options& options, IoThread& thread, PartitionTable& partitions,
                                 controller::Controller& controller)
    : parts_(std::make_shared<Parts>(options, thread, partitions, controller)) {}

IsrChangeDriver::~IsrChangeDriver() { stop(); }

void IsrChangeDriver::start() {
  parts_->thread.post([parts = parts_] {
    if (!parts->stopped.load(std::memory_order_relaxed)) parts->schedule_check();
  });
}

void IsrChangeDriver::stop() {
  if (parts_->stopped.exchange(true)) return;
  parts_->thread.post([parts = parts_] {
    parts->check_timer.reset();
    parts->retry_timer.reset();
    parts->walk.reset();
  });
}

void IsrChangeDriver::set_broker_epoch(controller::BrokerEpoch epoch) {
  if (parts_->broker_epoch.exchange(epoch.value()) == epoch.value()) return;
  parts_->thread.post([parts = parts_] { parts->send(); });
}

void IsrChangeDriver::on_isr_change_wanted(const std::shared_ptr<Partition>& partition) noexcept {
  if (!parts_->stopped.load(std::memory_order_relaxed)) parts_->want(partition);
}

}  // namespace sluice::broker::replication
