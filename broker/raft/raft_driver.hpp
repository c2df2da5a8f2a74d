#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/raft/options.hpp"
#include "broker/raft/raft.hpp"
#include "broker/raft/state_machine.hpp"
#include "broker/raft/transport.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::broker::raft {

/// One server of the quorum, running: the core on a thread of its own, its disk on another, so that entries that arrive
/// while the disk syncs share the next sync. Also whoever is no voter runs one: as a learner it follows the log.
class RaftDriver {
 public:
  struct Options {
    raft::Options core;
    std::string directory;    ///< of the log: <metadata log dir>/__cluster_metadata-0; votes and snapshots are inside
    ReplicaKey self;          ///< its directory: the id of the data directory
    Configuration bootstrap;  ///< voters of a quorum whose log is empty, by node; empty: this server joins
    std::int64_t snapshot_bytes = 20 << 20;                               ///< of log since the last one
    std::chrono::milliseconds snapshot_interval = std::chrono::hours{1};  ///< the latest, where anything was applied
    int snapshots_kept = 3;
    /// A leader whose disk takes longer than that to write has another voter lead: here nothing is decided meanwhile.
    std::chrono::milliseconds stall_max = std::chrono::seconds{3};
    std::uint64_t seed = 0;
    std::function<Timestamp()> wall_clock;
    /// Called once, on the driver's thread: its disk failed, or says what nobody understands. It acknowledges nothing
    /// from then on, leads nothing and votes for nobody.
    std::function<void(std::error_code)> on_failure{};
  };
  struct Status {
    Role role = Role::learner;
    Term term{};
    std::optional<ReplicaKey> leader{};
    LogIndex commit{};
    LogIndex last{};
    LogIndex snapshot{};
    bool has_failed = false;  ///< see Options::on_failure
    /// When what the disk is writing was given to it; nullopt: it writes nothing.
    std::optional<Instant> writing_since{};
  };

  /// Reads what is there: snapshot, log, votes. `machine` is given the snapshot before it returns; nothing runs yet.
  /// Errors, each with a log line: of storage; bad_message where a file is damaged and cannot be replaced from the
  /// others; not_supported: a log of the time before the quorum; storage's wrong_directory: that of another voter.
  static Result<std::unique_ptr<RaftDriver>> open(storage::FileSystem& fs, Options options, Transport& transport,
                                                  StateMachine& machine);
  ~RaftDriver();  ///< as `stop`
  RaftDriver(const RaftDriver&) = delete;
  RaftDriver& operator=(const RaftDriver&) = delete;

  void start();
  /// A leader hands over first, where another voter is caught up, within `hand_over`. Idempotent.
  void stop(std::chrono::milliseconds hand_over = std::chrono::milliseconds{0});

  // From any thread:

  void deliver(std::vector<Message> messages);
  /// The process of that node is known to be gone.
  void on_unreachable(BrokerId node);
  /// Runs `task` on the driver's thread; what the core wants done because of it is done afterwards. Dropped once
  /// stopped.
  void post(std::function<void(Raft&, Now)> task);
  /// Writes a snapshot now; `done` tells the index that it holds, on some thread.
  void take_snapshot(std::function<void(Result<LogIndex>)> done);
  Status status() const;

 private:
  struct Parts;
  explicit RaftDriver(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::broker::raft
