#include "tests/sim/world/network.hpp"

#include <algorithm>
#include <utility>

namespace sluice::sim {

Network::Network(Scheduler& scheduler, Random random, NetworkWeather weather)
    : scheduler_(scheduler), random_(random), weather_(weather) {}

void Network::add_host(HostId host) { hosts_[host]; }

void Network::host_up(HostId host) {
  auto& at = hosts_.at(host);
  SLUICE_ASSERT(at.life % 2 == 0, host);
  ++at.life;
  at.is_machine_up = true;
  at.paused_until = Instant{0};
}

void Network::host_down(HostId host, bool silently) {
  auto& at = hosts_.at(host);
  SLUICE_ASSERT(at.life % 2 == 1, host);
  ++at.life;
  at.is_machine_up = !silently;
  std::vector<ConnectionPtr> lost;
  for (const auto& [key, connection] : connections_) {
    if (!connection) continue;
    if (connection->from == host || connection->to == host) lost.push_back(connection);
  }
  for (const auto& connection : lost) {
    const auto other = connection->from == host ? connection->to : connection->from;
    if (silently && other != host) continue;  // the other end waits for an answer until it has waited enough
    // The system tells the other end after what was sent before.
    scheduler_.after(draw_delay(host, other), [this, connection, other, host] {
      const bool is_newer = hosts_.at(host).life % 2 == 1;
      close(connection, CallError::closed);
      if (!is_newer && !is_cut(host, other) && hosts_.at(other).life % 2 == 1) on_gone_(other, host);
    });
  }
}

void Network::pause(HostId host, Instant until) { hosts_.at(host).paused_until = until; }
bool Network::is_paused(HostId host) const { return hosts_.at(host).paused_until > scheduler_.now(); }

Duration Network::draw_delay(HostId from, HostId to) {
  auto delay = random_.between(weather_.delay_min, weather_.delay_max);
  if (random_.per_mille(weather_.slow_per_mille)) delay *= 10;
  if (!clogs_.empty()) {
    const auto clog = clogs_.find({from, to});
    if (clog != clogs_.end()) {
      if (clog->second > scheduler_.now()) {
        delay += random_.within(2s);
      } else {
        clogs_.erase(clog);
      }
    }
  }
  return delay;
}

/// Null where nobody listens. Connecting costs a round trip, which what is sent first waits for.
Network::ConnectionPtr Network::connect(HostId from, HostId to, Line line) {
  auto& slot = connections_[{from, to, line}];
  const auto from_life = hosts_.at(from).life;
  if (slot && !slot->is_closed && slot->from_life == from_life) return slot;
  const auto to_life = hosts_.at(to).life;
  if (to_life % 2 == 0) return nullptr;
  slot = std::make_shared<Connection>();
  slot->number = next_number_++;
  slot->from = from;
  slot->to = to;
  slot->from_life = from_life;
  slot->to_life = to_life;
  slot->arrival[0] = scheduler_.now() + (from == to ? Duration{0} : draw_delay(from, to) + draw_delay(to, from));
  return slot;
}

void Network::tell(HostId from, HostId to, Line line, std::function<void()> deliver) {
  if (has_stopped_(from)) return;
  const auto connection = connect(from, to, line);
  if (connection) {
    send(connection, 0, std::move(deliver));
  } else if (hosts_.at(to).is_machine_up && !is_cut(from, to) && !is_cut(to, from)) {
    const auto life = hosts_.at(from).life;
    scheduler_.after(draw_delay(from, to), [this, from, to, life] {
      if (is_alive(from, life) && hosts_.at(to).life % 2 == 0) on_gone_(from, to);
    });
  }
}

void Network::send(const ConnectionPtr& connection, int stream, std::function<void()> deliver) {
  const auto sender = stream == 0 ? connection->from : connection->to;
  const auto receiver = stream == 0 ? connection->to : connection->from;
  if (has_stopped_(sender)) return;
  const auto delay = sender == receiver ? Duration{1000} : draw_delay(sender, receiver);
  auto& arrival = connection->arrival[stream];
  arrival = std::max(arrival + Duration{1}, scheduler_.now() + delay);
  scheduler_.at(arrival, [this, arrived = Arrived{connection, stream, std::move(deliver)}]() mutable {
    arrive(std::move(arrived));
  });
}

bool Network::is_blocked(Path path) const {
  return (!cuts_.empty() && cuts_.contains(path)) || hosts_.at(path.second).paused_until > scheduler_.now();
}

void Network::arrive(Arrived arrived) {
  const auto& connection = *arrived.connection;
  const bool forth = arrived.stream == 0;
  const Path path = forth ? Path{connection.from, connection.to} : Path{connection.to, connection.from};
  const auto held = held_.find(path);
  if (held != held_.end() || is_blocked(path)) {
    auto& waiting = held_[path];
    waiting.waiting.push_back(std::move(arrived));
    const auto resumes = hosts_.at(path.second).paused_until;
    if (held == held_.end() && resumes > scheduler_.now()) scheduler_.at(resumes, [this, path] { drain(path); });
    return;
  }
  hand_over(arrived);
}

void Network::hand_over(Arrived& arrived) {
  const auto& connection = arrived.connection;
  const bool forth = arrived.stream == 0;
  const auto receiver = forth ? connection->to : connection->from;
  if (!is_alive(receiver, forth ? connection->to_life : connection->from_life)) {
    // Whoever takes the host's place has never heard of the connection.
    if (hosts_.at(receiver).is_machine_up) close(connection, CallError::closed);
    return;
  }
  if (connection->is_closed && !(forth && random_.percent(weather_.late_percent))) return;
  ++delivered_;
  arrived.deliver();
}

void Network::drain(Path path) {
  const auto found = held_.find(path);
  if (found == held_.end() || found->second.drains) return;
  if (is_blocked(path)) {
    const auto resumes = hosts_.at(path.second).paused_until;
    if (resumes > scheduler_.now()) scheduler_.at(resumes, [this, path] { drain(path); });
    return;
  }
  auto next = std::move(found->second.waiting.front());
  found->second.waiting.pop_front();
  if (found->second.waiting.empty()) {
    held_.erase(found);
  } else {
    found->second.drains = true;
    scheduler_.after(weather_.delay_min / 10 + Duration{1}, [this, path] {
      const auto still = held_.find(path);
      if (still == held_.end()) return;
      still->second.drains = false;
      drain(path);
    });
  }
  hand_over(next);
}

void Network::close(const ConnectionPtr& connection, CallError why) {
  if (std::exchange(connection->is_closed, true)) return;
  const auto calls = std::exchange(connection->calls, {});
  if (!is_alive(connection->from, connection->from_life)) return;
  for (const auto& call : calls) call.fail(why);
}

std::uint64_t Network::begin_call(const ConnectionPtr& connection, Duration timeout,
                                  std::function<void(CallError)> fail) {
  const auto id = next_call_++;
  connection->calls.push_back({id, std::move(fail)});
  scheduler_.after(timeout, [this, connection, id] {
    const auto waits = std::ranges::any_of(connection->calls, [id](const Call& call) { return call.id == id; });
    if (waits) close(connection, CallError::timed_out);
  });
  return id;
}

bool Network::take_call(const ConnectionPtr& connection, std::uint64_t id) {
  return std::erase_if(connection->calls, [id](const Call& call) { return call.id == id; }) > 0;
}

void Network::heal_cuts() {
  cuts_.clear();
  std::vector<Path> paths;
  for (const auto& [path, held] : held_) paths.push_back(path);
  for (const auto& path : paths) scheduler_.after(draw_delay(path.first, path.second), [this, path] { drain(path); });
}

void Network::reset_connections(HostId host, std::int64_t percent) {
  std::vector<ConnectionPtr> reset;
  for (const auto& [key, connection] : connections_) {
    if (!connection) continue;
    if ((connection->from == host || connection->to == host) && !connection->is_closed && random_.percent(percent)) {
      reset.push_back(connection);
    }
  }
  for (const auto& connection : reset) close(connection, CallError::closed);
}

}  // namespace sluice::sim
