#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "broker/raft/disk_thread_driver.hpp"
#include "broker/raft/raft_driver.hpp"

namespace sluice::broker::raft {

/// What others left for the driver's thread, and what became of a snapshot.
struct RaftInbox {
  struct SnapshotOutcome {
    Result<LogIndex> index;
    bool is_fatal = false;
  };

  std::vector<Message> messages;
  std::size_t message_bytes = 0;  // about what they hold
  std::vector<std::function<void(Raft&, Now)>> tasks;
  std::vector<DiskThread::Report> reports;
  std::vector<std::function<void(Result<LogIndex>)>> snapshot_requests;
  std::vector<SnapshotOutcome> snapshots;

  bool is_empty() const {
    return messages.empty() && tasks.empty() && reports.empty() && snapshot_requests.empty() && snapshots.empty();
  }
};

/// The voter that is nearest to having everything, of those that were heard within `silence_max`; none where nobody
/// could take over.
std::optional<BrokerId> find_successor(const Raft& raft, Duration silence_max, Now now);

/// What the driver's thread does: feeds the core, and does what its Readies say.
///
/// Threading: one thread.
class RaftLoop {
 public:
  /// `on_snapshot` is called on other threads, before the destructor returns.
  RaftLoop(const RaftDriver::Options& options, RaftStore& store, DiskThread& disk, Transport& transport,
           StateMachine& machine, std::function<void(RaftInbox::SnapshotOutcome)> on_snapshot, Now now);
  ~RaftLoop();
  RaftLoop(const RaftLoop&) = delete;
  RaftLoop& operator=(const RaftLoop&) = delete;

  void turn(RaftInbox inbox, Now now);
  Instant next_deadline() const;
  RaftDriver::Status status() const;

 private:
  /// A Ready that is not known to be durable.
  struct Pending {
    std::uint64_t number = 0;
    bool is_for_disk = false;
    Instant since{};
    std::vector<Message> messages_after{};
  };

  void drain(Now now);
  void take(Ready ready, Now now);
  void tell_machine(Ready& ready, Now now);
  void on_report(DiskThread::Report report, Now now);
  void send(std::vector<Message> messages);
  void flush();
  std::optional<Instant> writing_since() const;
  void hand_over_if_stalled(Now now);
  bool is_snapshot_due(Now now) const;
  void take_snapshot(Now now);
  void on_snapshot(const RaftInbox::SnapshotOutcome& outcome);
  void answer_snapshot_requests(const Result<LogIndex>& index);
  void answer_all_snapshot_requests(const Result<LogIndex>& index);
  void fail(std::error_code reason, const char* what, Now now);

  const RaftDriver::Options& options_;
  RaftStore& store_;
  DiskThread& disk_;
  Transport& transport_;
  StateMachine& machine_;
  const std::function<void(RaftInbox::SnapshotOutcome)> tell_snapshot_;
  Raft raft_;
  bool has_failed_ = false;

  std::vector<Message> outgoing_;
  std::deque<Pending> pending_;  // by number
  std::uint64_t durable_ = 0;    // number of the last Ready that the disk reported
  LogIndex applied_;
  std::int64_t bytes_applied_ = 0;  // since the last snapshot

  std::thread snapshot_thread_;
  bool is_taking_snapshot_ = false;
  std::int64_t snapshot_covers_bytes_ = 0;
  Instant snapshot_due_;  // by age
  std::vector<std::function<void(Result<LogIndex>)>> snapshot_requests_;
  std::vector<std::function<void(Result<LogIndex>)>> snapshot_served_;  // by the one that is being taken
};

}  // namespace sluice::broker::raft
