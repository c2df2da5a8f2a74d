#include "broker/raft/raft_driver.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <thread>
#include <utility>

#include "broker/raft/raft_loop_driver.hpp"

namespace sluice::broker::raft {
namespace {

constexpr std::size_t kMessagesMax = 10'000;         // that wait; what is beyond is lost, as messages may be
constexpr std::size_t kMessageBytesMax = 64U << 20;  // of the same
constexpr Duration kNapMax = std::chrono::hours{1};

using Clock = std::chrono::steady_clock;

/// What it holds beside itself.
std::size_t bytes_of(const Message& message) {
  std::size_t bytes = 0;
  if (const auto* append = std::get_if<AppendRequest>(&message.body)) {
    for (const auto& entry : append->entries) bytes += sizeof entry + entry.data.size();
  } else if (const auto* snapshot = std::get_if<SnapshotRequest>(&message.body)) {
    bytes = snapshot->data.size();
  }
  return bytes;
}

}  // namespace

struct RaftDriver::Parts {
  Options options;
  Transport& transport;
  StateMachine& machine;
  std::unique_ptr<RaftStore> store;

  mutable std::mutex mutex{};
  std::condition_variable wake{};            // for the driver's thread
  std::condition_variable status_changed{};  // for who waits for a hand-over
  RaftInbox inbox{};
  Status status{};
  bool is_stopping = false;
  bool is_stopped = false;  // stop() is called by one thread at a time

  std::unique_ptr<DiskThread> disk{};
  std::thread thread{};

  Now now() const { return {options.wall_clock(), Clock::now().time_since_epoch()}; }

  template <class Change>
  void tell(Change change) {
    const std::lock_guard lock{mutex};
    if (is_stopping) return;
    change(inbox);
    wake.notify_one();
  }

  void run();
  void hand_over(std::chrono::milliseconds within);
};

Result<std::unique_ptr<RaftDriver>> RaftDriver::open(storage::FileSystem& fs, Options options, Transport& transport,
                                                     StateMachine& machine) {
  auto store = RaftStore::open(fs,
                               {.directory = options.directory,
                                .self = options.self,
                                .bootstrap = options.bootstrap,
                                .snapshots_kept = options.snapshots_kept},
                               options.wall_clock());
  if (!store) return store.error();
  const auto snapshot = (*store)->snapshot();
  if (snapshot.index > kNoIndex) {
    auto state = (*store)->load_snapshot();
    if (!state) return state.error();
    if (!machine.restore(snapshot, std::move(*state))) {
      spdlog::critical("metadata snapshot is not understood; was it written by a newer version? directory={} index={}",
                       options.directory, snapshot.index.value());
      return std::make_error_code(std::errc::bad_message);
    }
  }
  std::unique_ptr<Parts> parts{new Parts{std::move(options), transport, machine, std::move(*store)}};
  parts->status.snapshot = parts->status.commit = snapshot.index;
  parts->status.last = parts->store->last_index();
  parts->status.term = parts->store->hard_state().term;
  return std::unique_ptr<RaftDriver>{new RaftDriver{std::move(parts)}};
}

RaftDriver::RaftDriver(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

RaftDriver::~RaftDriver() { stop(); }

void RaftDriver::start() {
  auto& parts = *parts_;
  parts.disk =
      std::make_unique<DiskThread>(*parts.store, parts.options.wall_clock, [&parts](DiskThread::Report report) {
        parts.tell([&](RaftInbox& inbox) { inbox.reports.push_back(std::move(report)); });
      });
  parts.thread = std::thread{[&parts] { parts.run(); }};
  ::pthread_setname_np(parts.thread.native_handle(), "sluice-raft");
}

void RaftDriver::Parts::run() {
  const auto on_snapshot = [this](RaftInbox::SnapshotOutcome outcome) {
    tell([&](RaftInbox& inbox) { inbox.snapshots.push_back(std::move(outcome)); });
  };
  RaftLoop loop{options, *store, *disk, transport, machine, on_snapshot, now()};
  Instant deadline{0};
  while (true) {
    RaftInbox taken;
    {
      std::unique_lock lock{mutex};
      const auto latest = std::min<Instant>(deadline, Clock::now().time_since_epoch() + kNapMax);
      wake.wait_until(lock, Clock::time_point{latest}, [this] { return is_stopping || !inbox.is_empty(); });
      if (is_stopping) break;
      taken = std::exchange(inbox, {});
    }
    loop.turn(std::move(taken), now());
    deadline = loop.next_deadline();
    const std::lock_guard lock{mutex};
    status = loop.status();
    status_changed.notify_all();
  }
  disk->stop();  // before the loop goes, to which its tasks refer
}

void RaftDriver::stop(std::chrono::milliseconds hand_over) {
  auto& parts = *parts_;
  if (std::exchange(parts.is_stopped, true)) return;
  if (parts.thread.joinable()) {
    if (hand_over.count() > 0) parts.hand_over(hand_over);
    {
      const std::lock_guard lock{parts.mutex};
      parts.is_stopping = true;
      parts.wake.notify_one();
    }
    parts.thread.join();
  }
  // What was left for it is dropped now, while those whom it answers in its end are there.
  RaftInbox dropped;
  {
    const std::lock_guard lock{parts.mutex};
    dropped = std::exchange(parts.inbox, {});
  }
  if (parts.status.has_failed) return;
  if (auto closed = parts.store->close(); !closed) {
    spdlog::error("metadata log could not be closed directory={} error={}", parts.options.directory,
                  closed.error().message());
  }
}

/// Until another one leads, or nobody can, or the time is over.
void RaftDriver::Parts::hand_over(std::chrono::milliseconds within) {
  enum class Step { asked, waits, pointless };
  const auto step = std::make_shared<Step>(Step::asked);  // under `mutex`; the task may outlive this call
  tell([&](RaftInbox& to) {
    to.tasks.emplace_back([this, step](Raft& raft, Now now) {
      const auto successor = find_successor(raft, options.core.election_timeout, now);
      const bool begun = successor && raft.transfer(*successor, now) == Refusal::none;
      const std::lock_guard lock{mutex};
      *step = begun ? Step::waits : Step::pointless;
    });
  });
  std::unique_lock lock{mutex};
  status_changed.wait_for(lock, within, [&] {
    return *step == Step::pointless || status.has_failed || (*step == Step::waits && status.role != Role::leader);
  });
}

void RaftDriver::deliver(std::vector<Message> messages) {
  parts_->tell([&](RaftInbox& inbox) {
    for (auto& message : messages) {
      // One is always taken, however large.
      const auto bytes = bytes_of(message);
      if (inbox.messages.size() >= kMessagesMax) return;
      if (!inbox.messages.empty() && inbox.message_bytes + bytes > kMessageBytesMax) return;
      inbox.message_bytes += bytes;
      inbox.messages.push_back(std::move(message));
    }
  });
}

void RaftDriver::on_unreachable(BrokerId node) {
  post([node](Raft& raft, Now now) { raft.on_unreachable(node, now); });
}

void RaftDriver::post(std::function<void(Raft&, Now)> task) {
  parts_->tell([&](RaftInbox& inbox) { inbox.tasks.push_back(std::move(task)); });
}

void RaftDriver::take_snapshot(std::function<void(Result<LogIndex>)> done) {
  parts_->tell([&](RaftInbox& inbox) { inbox.snapshot_requests.push_back(std::move(done)); });
}

RaftDriver::Status RaftDriver::status() const {
  const std::lock_guard lock{parts_->mutex};
  return parts_->status;
}

}  // namespace sluice::broker::raft
