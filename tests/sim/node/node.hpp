#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "broker/raft/configuration.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/sim/node/clock.hpp"
#include "tests/sim/node/process.hpp"
#include "tests/sim/world/network.hpp"
#include "tests/sim/world/random.hpp"

namespace sluice::sim {

struct World;

/// How a process ends.
enum class Death : std::uint8_t {
  killed,      ///< the machine goes on: what was written stays, the others are told by their connections
  power_loss,  ///< what was not synced is lost, or torn; silence
};

/// One machine: its disk and clock, which last, and its process, which comes and goes.
class Node {
 public:
  using Action = std::function<void(Process&)>;

  Node(World& world, HostId id, std::int64_t drift_ppm);
  ~Node();

  HostId id() const noexcept { return id_; }
  BrokerId broker_id() const noexcept { return BrokerId{id_}; }
  broker::raft::ReplicaKey key() const { return {.node = broker_id(), .directory = directory_}; }
  Clock& clock() noexcept { return clock_; }
  const Clock& clock() const noexcept { return clock_; }
  storage::MemoryFileSystem& disk() noexcept { return *disk_; }

  bool is_up() const noexcept { return process_ != nullptr; }
  Process& process() { return *process_; }
  const Process* find_process() const noexcept { return process_.get(); }
  /// Why it could not start, or had to end by itself.
  const std::string& complaint() const noexcept { return complaint_; }

  void start();
  void die(Death death);
  /// Ends because its disk failed a call: it can't be known what that has. Pre: up.
  void give_up();
  /// Controlled shutdown, then the end of the process; or the end without the shutdown where that takes too long.
  void stop(Duration patience);
  void pause(Duration time);
  bool is_paused() const;
  /// The machine stops dead within the next calls to its disk, in the midst of whatever it does then.
  void die_at_disk_call(std::uint64_t calls);
  bool has_stopped_dead() const;
  /// Calls of its disk are to fail, or are failing.
  void note_danger() noexcept { in_danger_ = true; }
  bool is_in_danger() const noexcept { return in_danger_; }
  /// Nothing more that was planned befalls its disk, unless the machine has stopped dead.
  void calm_disk();
  /// All it has is gone: it comes back as another disk. Pre: not up.
  void wipe();
  bool was_wiped() const noexcept { return wiped_; }
  bool was_never_up() const noexcept { return life_ == 0; }

  /// Runs `action`, and then what follows from it.
  void run(const Action& action);
  /// In the present life; when it is paused, then after that.
  void after(Duration delay, Action action);
  /// After what goes on now.
  void later(Action action) { after(Duration{1}, std::move(action)); }

  Duration draw_sync_time();
  void stall_disk(Instant until) { stalled_until_ = until; }
  /// The last life ended without a chance to sync.
  bool was_shut_down_cleanly() const noexcept { return clean_; }

 private:
  void end(bool silently);
  void check_disk_death();
  void finish_stop();

  World& world_;
  const HostId id_;
  Clock clock_;
  Random random_;
  Uuid directory_;
  storage::MemoryFileSystem* disk_;
  std::unique_ptr<Process> process_;
  std::uint64_t life_ = 0;
  Instant paused_until_{0};
  Instant stalled_until_{0};
  std::optional<std::uint64_t> dies_at_call_;
  bool running_ = false;
  bool in_danger_ = false;
  bool must_end_ = false;
  bool leaving_ = false;
  bool clean_ = true;
  bool wiped_ = false;
  std::string complaint_;
};

}  // namespace sluice::sim
