#pragma once

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>

#include "broker/raft/raft_driver.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/result_printer.hpp"
#include "tests/unit/broker/raft/raft_cluster.hpp"

namespace sluice::test {

/// Remembers the commands that it was given; its snapshot is the list of them.
class CommandList final : public StateMachine {
 public:
  void apply(std::vector<Entry> entries) override {
    const std::lock_guard lock{mutex_};
    for (auto& entry : entries) {
      if (entry.type == EntryType::command) commands_.push_back(std::move(entry.data));
    }
  }
  bool restore(const SnapshotMeta&, std::string bytes) override {
    const std::lock_guard lock{mutex_};
    commands_.clear();
    for (std::size_t at = 0; at < bytes.size();) {
      const auto end = bytes.find('\n', at);
      commands_.push_back(bytes.substr(at, end - at));
      at = end + 1;
    }
    return true;
  }
  std::function<std::string()> save() override {
    return [copy = commands()] {
      std::string bytes;
      for (const auto& command : copy) bytes += command + '\n';
      return bytes;
    };
  }
  void on_role_change(const RoleChange& change, Now) override {
    const std::lock_guard lock{mutex_};
    role_ = change;
  }
  void on_read(const ReadState& read) override {
    const std::lock_guard lock{mutex_};
    reads_.push_back(read);
  }
  void tick(Now) override {}
  Instant next_deadline() const override { return Instant::max(); }

  std::vector<std::string> commands() const {
    const std::lock_guard lock{mutex_};
    return commands_;
  }
  RoleChange role() const {
    const std::lock_guard lock{mutex_};
    return role_;
  }
  std::vector<ReadState> reads() const {
    const std::lock_guard lock{mutex_};
    return reads_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> commands_;
  RoleChange role_;
  std::vector<ReadState> reads_;
};

/// Drivers with threads of their own, joined by calls, on disks in memory; with SLUICE_DISK in an empty directory
/// there.
class DriverCluster {
 public:
  explicit DriverCluster(int voters, int learners = 0) {
    std::vector<ReplicaKey> keys;
    for (int node = 1; node <= voters; ++node) keys.push_back(replica(node));
    start_ = Configuration{keys};
    for (int node = 1; node <= voters + learners; ++node) {
      auto& server = servers_[node];
      server.memory = std::make_unique<storage::MemoryFileSystem>(std::uint64_t{64} << 20);
      const char* disk = std::getenv("SLUICE_DISK");
      server.fs = disk == nullptr ? server.memory.get() : &storage::posix_file_system();
      server.directory = (disk == nullptr ? "" : std::string{disk}) + "/data-" + std::to_string(node);
      REQUIRE(server.fs->create_directories(server.directory));
      REQUIRE(server.fs->sync_directory(storage::parent_path(server.directory)));
    }
  }
  ~DriverCluster() {
    for (auto& [node, server] : servers_) kill(node);
  }

  /// In place of the disk in memory. Before it is booted.
  void use_files(int node, storage::FileSystem& files, const std::string& directory) {
    servers_.at(node).fs = &files;
    servers_.at(node).directory = directory;
  }
  void boot(int node) {
    auto& server = servers_.at(node);
    server.machine = std::make_unique<CommandList>();
    server.transport = std::make_unique<Wire>(*this);
    RaftDriver::Options options{.core = core,
                                .directory = server.directory + "/__cluster_metadata-0",
                                .self = replica(node),
                                .bootstrap = start_,
                                .snapshot_bytes = snapshot_bytes,
                                .stall_max = stall_max,
                                .seed = next_seed_++,
                                .wall_clock = [] { return Timestamp{1'700'000'000'000}; },
                                .on_failure = [&server](std::error_code) { server.failures.fetch_add(1); }};
    auto opened = RaftDriver::open(*server.fs, options, *server.transport, *server.machine);
    REQUIRE(opened);
    const std::lock_guard lock{mutex_};
    server.driver = std::move(*opened);
    server.driver->start();
  }
  void boot_all() {
    for (auto& [node, server] : servers_) boot(node);
  }
  /// The process is gone; who is told of it at once: `told`.
  void kill(int node, bool told = false) {
    std::shared_ptr<RaftDriver> driver;
    {
      const std::lock_guard lock{mutex_};
      driver = std::move(servers_.at(node).driver);
      servers_.at(node).driver.reset();
    }
    if (!driver) return;
    if (told) {
      for (auto& [other, server] : servers_) {
        if (auto live = find(other)) live->on_unreachable(BrokerId{node});
      }
    }
    driver->stop();
  }

  std::shared_ptr<RaftDriver> find(int node) {
    const std::lock_guard lock{mutex_};
    return servers_.at(node).driver;
  }
  RaftDriver& driver(int node) { return *find(node); }
  CommandList& machine(int node) { return *servers_.at(node).machine; }
  storage::MemoryFileSystem& disk(int node) { return *servers_.at(node).memory; }
  int failures(int node) { return servers_.at(node).failures.load(); }

  /// The node that leads, by its own word; 0: nobody.
  int leader() {
    for (auto& [node, server] : servers_) {
      const auto live = find(node);
      if (live && live->status().role == Role::leader) return node;
    }
    return 0;
  }
  int wait_for_leader() {
    int found = 0;
    REQUIRE(test::eventually([&] { return (found = leader()) != 0; }));
    return found;
  }
  void propose(int node, std::string command) {
    driver(node).post([command = std::move(command)](Raft& raft, Now now) { raft.propose({command}, now); });
  }
  bool has(int node, const std::string& command) {
    const auto commands = machine(node).commands();
    return std::find(commands.begin(), commands.end(), command) != commands.end();
  }

  Options core{.election_timeout = 400ms, .heartbeat_interval = 40ms};
  std::int64_t snapshot_bytes = 20 << 20;
  std::chrono::milliseconds stall_max{3000};

 private:
  struct Wire final : Transport {
    explicit Wire(DriverCluster& owner) : cluster(owner) {}
    void send(std::vector<Message> messages) override {
      for (auto& message : messages) {
        if (auto to = cluster.find(message.to.node.value())) to->deliver({std::move(message)});
      }
    }
    DriverCluster& cluster;
  };
  struct Server {
    std::unique_ptr<storage::MemoryFileSystem> memory;
    storage::FileSystem* fs = nullptr;
    std::string directory;
    std::unique_ptr<CommandList> machine;
    std::unique_ptr<Wire> transport;
    std::shared_ptr<RaftDriver> driver;  // null while it is down
    std::atomic<int> failures{0};
  };

  std::mutex mutex_;  // of the drivers' pointers
  std::map<int, Server> servers_;
  Configuration start_;
  std::uint64_t next_seed_ = 1;
};

}  // namespace sluice::test
