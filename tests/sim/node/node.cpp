#include "tests/sim/node/node.hpp"

#include <algorithm>
#include <cerrno>

#include "tests/sim/invariants/watchers.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {
namespace {

constexpr std::uint64_t kFileBytesMax = std::uint64_t{4} << 20;

}  // namespace

Node::Node(World& world, HostId id, std::int64_t drift_ppm)
    : world_(world),
      id_(id),
      clock_(world.scheduler, drift_ppm, Duration{world.random.roll(1'000'000'000'000)}),
      random_(world.random.fork()),
      directory_(world.make_uuid()),
      disk_(world.make_disk(kFileBytesMax)) {
  world_.network.add_host(id);
}

bool Node::has_stopped_dead() const { return dies_at_call_ && disk_->calls() >= *dies_at_call_; }

Node::~Node() = default;

Duration Node::draw_sync_time() {
  auto time = random_.between(world_.settings.sync_min, world_.settings.sync_max);
  if (stalled_until_ > world_.scheduler.now()) time += stalled_until_ - world_.scheduler.now();
  return time;
}

void Node::start() {
  SLUICE_ASSERT(!process_, id_);
  ++life_;
  paused_until_ = Instant{0};
  must_end_ = leaving_ = false;
  complaint_.clear();
  world_.trace.note("start", id_);
  world_.network.host_up(id_);
  process_ = std::make_unique<Process>(world_, *this);
  bool started = false;
  running_ = true;
  started = process_->start(complaint_);
  running_ = false;
  clean_ = false;
  if (started || has_stopped_dead()) return check_disk_death();
  world_.trace.note("can't start", id_);
  world_.watchers->replicas.note_down(*this, false);
  world_.trace.tell(id_, complaint_);
  end(false);
}

void Node::end(bool silently) {
  ++life_;
  process_.reset();
  world_.network.host_down(id_, silently);
  dies_at_call_.reset();
}

void Node::die(Death death) {
  if (!process_) return;
  world_.trace.note(death == Death::killed ? "killed" : "power loss", id_);
  const bool loses = death == Death::power_loss;
  world_.watchers->replicas.note_down(*this, loses);
  if (loses && !dies_at_call_ && random_.percent(50)) {
    // In the midst of what it is writing: some of the calls are still made.
    disk_->fail_from(disk_->calls() + 1 + static_cast<std::uint64_t>(random_.roll(12)), EIO);
    process_->quorum().write_before_crash();
  }
  end(loses);
  if (loses) {
    const auto policy = random_.percent(70) ? storage::CrashPolicy::random : storage::CrashPolicy::lose_unsynced;
    disk_->crash(policy, random_.next());
    disk_->clear_faults();
    in_danger_ = false;
  }
}

void Node::die_at_disk_call(std::uint64_t calls) {
  if (!process_ || dies_at_call_) return;
  dies_at_call_ = disk_->calls() + calls;
  disk_->fail_from(*dies_at_call_, EIO);
  note_danger();
}

void Node::calm_disk() {
  if (has_stopped_dead()) return;
  dies_at_call_.reset();
  disk_->clear_faults();
  in_danger_ = false;
}

/// What a disk that failed did not sync, nobody may rely on: the machine is started anew.
void Node::give_up() {
  world_.trace.note("gives up", id_);
  complaint_ = process_->complaint();
  const bool may_lose = world_.may_lose_unsynced(id_);
  world_.watchers->replicas.note_down(*this, may_lose);
  disk_->clear_faults();
  in_danger_ = false;
  end(false);
  if (may_lose) disk_->crash(storage::CrashPolicy::random, random_.next());
}

void Node::check_disk_death() {
  if (process_ && has_stopped_dead()) {
    world_.trace.note("disk stopped", id_, static_cast<std::int64_t>(*dies_at_call_));
    const bool may_lose = world_.may_lose_unsynced(id_);
    die(may_lose ? Death::power_loss : Death::killed);
    if (!may_lose) disk_->clear_faults();
  } else if (process_ && process_->has_failed()) {
    give_up();  // also where it was as it stopped
  } else if (process_ && must_end_) {
    world_.watchers->replicas.note_down(*this, false);
    end(false);
  } else if (process_ && process_->is_refused()) {
    complaint_ = process_->lifecycle().refusal();
    world_.trace.note("refused", id_);
    world_.watchers->replicas.note_down(*this, false);
    world_.trace.tell(id_, complaint_);
    end(false);
  } else if (process_ && leaving_ && process_->has_left()) {
    finish_stop();
    check_disk_death();
  }
}

void Node::stop(Duration patience) {
  if (!process_) return;
  world_.trace.note("stop", id_);
  process_->leave();
  leaving_ = true;
  after(patience, [this](Process&) { finish_stop(); });
}

void Node::finish_stop() {
  leaving_ = false;
  process_->close();
  world_.trace.note("stopped", id_);
  if (has_stopped_dead()) return;
  must_end_ = true;
}

void Node::pause(Duration time) {
  if (!process_) return;
  paused_until_ = world_.scheduler.now() + time;
  world_.trace.note("pause", id_, time.count());
  world_.network.pause(id_, paused_until_);
}

bool Node::is_paused() const { return paused_until_ > world_.scheduler.now(); }

void Node::wipe() {
  SLUICE_ASSERT(!process_, id_);
  world_.trace.note("wiped", id_);
  world_.watchers->on_wiped(*this);
  directory_ = world_.make_uuid();
  disk_ = world_.make_disk(kFileBytesMax);
  wiped_ = true;
  in_danger_ = false;
  clean_ = true;
}

void Node::run(const Action& action) {
  if (!process_) return;
  if (running_) return action(*process_);
  running_ = true;
  action(*process_);
  process_->settle();
  running_ = false;
  world_.watchers->replicas.check(*this);
  check_disk_death();
}

void Node::after(Duration delay, Action action) {
  const auto life = life_;
  world_.scheduler.after(delay, [this, life, action = std::move(action)]() mutable {
    if (life_ != life || !process_) return;
    if (is_paused()) return after(paused_until_ - world_.scheduler.now() + Duration{1}, std::move(action));
    run(action);
  });
}

}  // namespace sluice::sim
