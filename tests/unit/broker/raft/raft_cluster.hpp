#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "broker/raft/raft.hpp"
#include "tests/unit/broker/raft/memory_log.hpp"

namespace sluice::test {

using namespace std::chrono_literals;

inline ReplicaKey replica(int node, std::uint8_t disk = 1) {
  std::array<std::uint8_t, 16> bytes{};
  bytes.front() = static_cast<std::uint8_t>(node);
  bytes.back() = disk;
  return {BrokerId{node}, Uuid{bytes}};
}

inline Configuration voters(std::initializer_list<int> nodes) {
  std::vector<ReplicaKey> keys;
  for (const int node : nodes) keys.push_back(replica(node));
  return Configuration{std::move(keys)};
}

inline Entry entry(std::int64_t index, std::int64_t term, std::string data = {}) {
  Entry made{.index = LogIndex{index}, .term = Term{term}, .data = std::move(data), .configuration = {}};
  made.checksum = checksum_of(made);
  return made;
}

/// Servers on disks that are as fast as the test wants, joined by a network that loses what it wants. Time stands still
/// unless `pass` is called; election timeouts are 1 s to 2 s.
class RaftCluster {
 public:
  struct Server {
    std::unique_ptr<MemoryLog> disk;
    std::unique_ptr<Raft> raft;
    std::deque<Ready> unwritten;
    std::vector<Entry> applied;
    std::vector<ReadState> reads;
  };

  explicit RaftCluster(int count, Options options = {}) : options_(options) {
    std::vector<ReplicaKey> keys;
    for (int node = 1; node <= count; ++node) keys.push_back(replica(node));
    for (const auto& key : keys) boot(key, Configuration{keys});
  }

  /// One more server, or the same node with another disk.
  void boot(const ReplicaKey& key, const Configuration& start, HardState hard_state = {}, std::vector<Entry> log = {}) {
    auto& server = servers_[key.node.value()];
    server = Server{};
    server.disk = std::make_unique<MemoryLog>(start);
    Ready content;
    content.hard_state = hard_state;
    content.entries = std::move(log);
    server.disk->write(content);
    start_process(key);
  }

  /// The process dies, with what its disk had not written, and starts again.
  void restart(int node) {
    const auto key = raft(node).self();
    auto& server = servers_.at(node);
    server.unwritten.clear();
    server.applied.clear();
    start_process(key);
  }

  Raft& raft(int node) { return *servers_.at(node).raft; }
  Server& server(int node) { return servers_.at(node); }
  Now now() const { return now_; }

  /// Only that server's time comes: its election timeout is over.
  void time_out(int node) {
    now_.steady = std::max(now_.steady, raft(node).next_deadline());
    raft(node).tick(now_);
  }

  void elect(int node) {
    pass_silently(2100ms);
    time_out(node);
    settle();
    REQUIRE(raft(node).role() == Role::leader);
  }

  /// Time passes for all, in steps of 10 ms.
  void pass(Duration duration) {
    for (const auto end = now_.steady + duration; now_.steady < end;) {
      now_.steady += 10ms;
      for (auto& [node, server] : servers_) server.raft->tick(now_);
      settle();
    }
  }
  /// Time passes and nobody notices yet.
  void pass_silently(Duration duration) { now_.steady += duration; }

  /// Until nothing moves any more.
  void settle() {
    do collect();
    while (deliver_next());
  }

  bool deliver_next() {
    if (wire_.empty()) return false;
    const auto message = wire_.front();
    wire_.pop_front();
    if (is_lost(message)) return true;
    const auto found = servers_.find(message.to.node.value());
    if (found != servers_.end()) found->second.raft->step(message, now_);
    return true;
  }

  void step(const Message& message) {
    raft(message.to.node.value()).step(message, now_);
    collect();
  }

  void collect() {
    for (auto& [node, server] : servers_) {
      while (server.raft->has_ready()) take(server, server.raft->take_ready(now_));
      if (!slow_disks.contains(node)) flush(node);
    }
  }

  /// The disk writes what it was given.
  void flush(int node) {
    auto& server = servers_.at(node);
    while (!server.unwritten.empty()) {
      const auto ready = std::move(server.unwritten.front());
      server.unwritten.pop_front();
      server.disk->write(ready);
      server.raft->on_persisted(ready.number, now_);
      post(ready.messages_after);
      while (server.raft->has_ready()) take(server, server.raft->take_ready(now_));
    }
  }

  Proposed propose(int node, std::string command) { return raft(node).propose({std::move(command)}, now_); }

  /// What that server's state machine was given, commands only.
  std::vector<std::string> applied(int node) {
    std::vector<std::string> commands;
    for (const auto& each : servers_.at(node).applied) {
      if (each.type == EntryType::command) commands.push_back(each.data);
    }
    return commands;
  }

  /// All messages of one kind that were sent since the last call.
  template <class Body>
  std::vector<std::pair<Message, Body>> sent() {
    std::vector<std::pair<Message, Body>> found;
    for (const auto& message : sent_) {
      if (const auto* body = std::get_if<Body>(&message.body)) found.emplace_back(message, *body);
    }
    sent_.clear();
    return found;
  }

  std::set<int> slow_disks;                   // nothing is durable there before `flush`
  std::set<int> isolated;                     // cut off from everybody
  std::function<bool(const Message&)> loses;  // also lost

 private:
  void start_process(const ReplicaKey& key) {
    auto& server = servers_.at(key.node.value());
    server.raft = std::make_unique<Raft>(options_, key, server.disk->hard_state(), *server.disk,
                                         static_cast<std::uint64_t>(key.node.value()), now_);
    server.raft->set_contacts({BrokerId{1}, BrokerId{2}, BrokerId{3}});
  }

  void take(Server& server, Ready ready) {
    post(ready.messages);
    ready.messages.clear();
    server.applied.insert(server.applied.end(), ready.committed.begin(), ready.committed.end());
    server.reads.insert(server.reads.end(), ready.reads.begin(), ready.reads.end());
    server.unwritten.push_back(std::move(ready));
  }

  void post(const std::vector<Message>& messages) {
    for (const auto& message : messages) {
      sent_.push_back(message);
      wire_.push_back(message);
    }
  }

  bool is_lost(const Message& message) const {
    return isolated.contains(message.from.node.value()) || isolated.contains(message.to.node.value()) ||
           (loses && loses(message));
  }

  Options options_;
  std::map<int, Server> servers_;
  std::deque<Message> wire_;
  std::vector<Message> sent_;
  Now now_{Timestamp{1'700'000'000'000}, 100s};
};

}  // namespace sluice::test
