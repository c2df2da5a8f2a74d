#include "tests/unit/broker/raft/raft_simulation.hpp"

#include <algorithm>
#include <cstring>

#include "tests/unit/broker/raft/simulated_server.hpp"

namespace sluice::test {
namespace {

constexpr std::int64_t kMillion = 1'000'000;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2);
  return hash * 0xff51afd7ed558ccdULL;
}

}  // namespace

RaftSimulation::~RaftSimulation() = default;

void RaftSimulation::trace(std::uint64_t value) { trace_ = mix(trace_, value); }

std::size_t RaftSimulation::count_of(const char* what) const {
  const auto found = counts_.find(what);
  return found == counts_.end() ? 0 : found->second;
}

void RaftSimulation::at(Duration time, std::function<void()> action) {
  queue_.push({std::max(time, now_), order_++, std::move(action)});
}

/// Void when the server has died since; postponed while it is paused.
void RaftSimulation::on_server(int node, Duration time, std::function<void(Server&)> action) {
  const auto life = servers_[static_cast<std::size_t>(node - 1)]->life;
  at(time, [this, node, life, action = std::move(action)] {
    auto& server = *servers_[static_cast<std::size_t>(node - 1)];
    if (server.life != life || !server.raft) return;
    if (server.paused_until > now_) return on_server(node, server.paused_until, action);
    action(server);
  });
}

void RaftSimulation::run_until(Duration end, const std::function<bool()>& done) {
  while (!queue_.empty() && queue_.top().at <= end) {
    if (done && done()) return;
    auto event = queue_.top();
    queue_.pop();
    now_ = event.at;
    ++events_;
    trace(static_cast<std::uint64_t>(now_.count()));
    event.action();
  }
  now_ = std::max(now_, end);
}

Now RaftSimulation::local(const Server& server) const {
  const auto elapsed = now_.count() + now_.count() / kMillion * server.drift_ppm;
  return {Timestamp{elapsed / kMillion}, server.clock_offset + Instant{elapsed}};
}

void RaftSimulation::start(Server& server) {
  ++server.life;
  server.tick_at = Instant::max();
  server.paused_until = Duration{0};
  server.heard_at.reset();
  server.applied = kNoIndex;
  server.chain = 0;
  load_snapshot(server);
  server.raft =
      std::make_unique<Raft>(options_, server.key, server.disk->hard_state(), *server.disk, random_(), local(server));
  std::vector<BrokerId> contacts;
  for (const auto& other : servers_) contacts.push_back(other->key.node);
  server.raft->set_contacts(std::move(contacts));
  invariants_.watch(server.key, server.raft.get(), server.disk.get());
  pump(server);
}

/// What was on its way to the disk is lost, but for a beginning of it that nobody was told of.
void RaftSimulation::crash(Server& server) {
  ++counts_["crash"];
  server.raft.reset();
  invariants_.watch(server.key, nullptr, server.disk.get());
  auto written = roll(static_cast<std::int64_t>(server.writes.size()) + 1);
  for (const auto& ready : server.writes) {
    if (written-- > 0) {
      server.disk->write(ready);
      continue;
    }
    const auto steps = ready.entries.size() + ready.snapshot_parts.size() + 2;
    if (!ready.install) server.disk->write(ready, static_cast<std::size_t>(roll(static_cast<std::int64_t>(steps))));
    break;
  }
  invariants_.check_disk(server.key);
  server.writes.clear();
  server.is_writing = false;
}

void RaftSimulation::pump(Server& server) {
  while (server.raft->has_ready()) take(server, server.raft->take_ready(local(server)));
  invariants_.check(server.key);
  schedule_tick(server);
}

void RaftSimulation::take(Server& server, Ready ready) {
  invariants_.check_entries(server.key, ready.entries);
  invariants_.check(server.key);
  for (const auto& message : ready.messages) transmit(message);
  ready.messages.clear();
  if (ready.role_change) {
    trace(static_cast<std::uint64_t>(ready.role_change->role));
    if (ready.role_change->role == Role::leader) ++counts_["leader"];
    invariants_.check_role(server.key, *ready.role_change);
    if (ready.role_change->role == Role::leader) welcome(server);
  }
  for (const auto& entry : ready.committed) apply(server, entry);
  for (const auto& read : ready.reads) {
    const auto pending = reads_.find(read.ticket);
    if (pending == reads_.end()) continue;
    if (read.index) {
      ++counts_["read"];
      invariants_.check_read(pending->second.since, *read.index);
    }
    reads_.erase(pending);
  }
  ready.committed.clear();
  server.writes.push_back(std::move(ready));
  start_write(server);
}

void RaftSimulation::apply(Server& server, const Entry& entry) {
  SLUICE_ASSERT(entry.index == server.applied + 1, entry.index, server.applied);
  SLUICE_ASSERT(server.disk->term(entry.index) == entry.term, entry.index);  // durable here
  server.applied = entry.index;
  server.chain = mix(mix(server.chain, static_cast<std::uint64_t>(entry.term.value())), entry.checksum);
  invariants_.check_applied(server.key, entry.index, server.chain);
  trace(server.chain);
}

void RaftSimulation::load_snapshot(Server& server) {
  const auto snapshot = server.disk->snapshot();
  if (snapshot.index == kNoIndex) return;
  server.applied = snapshot.index;
  std::memcpy(&server.chain, server.disk->snapshot_data().data(), sizeof server.chain);
  invariants_.check_applied(server.key, snapshot.index, server.chain);
}

void RaftSimulation::start_write(Server& server) {
  if (server.is_writing || server.writes.empty()) return;
  const auto& ready = server.writes.front();
  const bool is_light = !ready.hard_state && !ready.install && ready.entries.empty() && ready.snapshot_parts.empty();
  if (is_light) return finish_write(server);
  server.is_writing = true;
  const auto stall = happens(2) ? within(faults_.stall_max) : Duration{0};
  on_server(server.node(), now_ + within(faults_.write_max) + stall, [this](Server& written) {
    written.is_writing = false;
    finish_write(written);
    pump(written);
  });
}

void RaftSimulation::finish_write(Server& server) {
  const auto ready = std::move(server.writes.front());
  server.writes.pop_front();
  server.disk->write(ready);
  for (const auto& part : ready.snapshot_parts) {
    if (!part.done) continue;
    if (happens(faults_.damaged_percent)) server.disk->damage_received();
    if (!server.disk->is_received(part.snapshot)) server.raft->on_snapshot_damaged();
  }
  if (ready.install) {
    ++counts_["install"];
    load_snapshot(server);
  }
  invariants_.check_disk(server.key);
  server.raft->on_persisted(ready.number, local(server));
  for (const auto& message : ready.messages_after) transmit(message);
  start_write(server);
}

/// Thesis 4.2.3, 6.4.1: nobody votes against a leader that it heard a moment ago.
void RaftSimulation::check_loyalty(const Message& message) {
  auto& from = *find(message.from);
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    from.heard_at.reset();
    if (request->transfer) transfers_.insert({message.from, message.term});
  }
  const auto* response = std::get_if<VoteResponse>(&message.body);
  if (response == nullptr || !response->granted || !from.heard_at || transfers_.contains({message.to, message.term})) {
    return;
  }
  if (local(from).steady < *from.heard_at + options_.election_timeout && response->pre) {
    throw Violation("nobody votes against a leader that it heard (4.2.3)");
  }
}

void RaftSimulation::transmit(const Message& message) {
  invariants_.check_message(message);
  check_loyalty(message);
  const std::pair path{message.from.node.value(), message.to.node.value()};
  const int copies = happens(faults_.lost_percent) ? 0 : happens(faults_.twice_percent) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    if (cut_.contains(path)) continue;
    at(now_ + Duration{1000} + within(faults_.delay_max), [this, message] { deliver(message); });
  }
}

void RaftSimulation::deliver(const Message& message) {
  auto& server = *servers_[static_cast<std::size_t>(message.to.node.value() - 1)];
  if (!server.raft || cut_.contains({message.from.node.value(), message.to.node.value()})) return;
  if (server.paused_until > now_) return at(server.paused_until, [this, message] { deliver(message); });
  trace(message.body.index() + 16 * static_cast<std::uint64_t>(message.term.value()));
  server.raft->step(message, local(server));
  const bool is_leaders = std::holds_alternative<AppendRequest>(message.body) ||
                          std::holds_alternative<Heartbeat>(message.body) ||
                          std::holds_alternative<SnapshotRequest>(message.body);
  if (is_leaders && server.raft->term() == message.term) server.heard_at = local(server).steady;
  pump(server);
}

void RaftSimulation::schedule_tick(Server& server) {
  const auto left = server.raft->next_deadline() - local(server).steady;
  // By a slow clock it takes a little longer; an early tick does nothing and asks again.
  const auto due = now_ + std::max(left + left / 1000, Duration{1000});
  if (server.tick_at <= due && server.tick_at >= now_) return;
  server.tick_at = due;
  on_server(server.node(), due, [this, due](Server& ticked) {
    if (ticked.tick_at == due) ticked.tick_at = Instant::max();
    ticked.raft->tick(local(ticked));
    pump(ticked);
  });
}

}  // namespace sluice::test
