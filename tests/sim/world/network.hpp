#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "tests/sim/world/random.hpp"
#include "tests/sim/world/scheduler.hpp"

namespace sluice::sim {

/// A machine in the network: brokers from 1 on, clients from kFirstClient on.
using HostId = int;
inline constexpr HostId kFirstClient = 100;

/// What a connection is for: one each between two hosts. What goes over different ones may pass each other.
enum class Line : std::uint8_t { quorum, controller, lifecycle, fetch, progress, client, admin };

enum class CallError : std::uint8_t { none, timed_out, closed, refused };

/// How a run's network behaves, but for what happens now and then.
struct NetworkWeather {
  Duration delay_min = 50us;
  Duration delay_max = 500us;  ///< usual; now and then ten times that
  std::int64_t slow_per_mille = 5;
  std::int64_t late_percent = 30;  ///< what was on its way when its sender gave the connection up arrives nevertheless
};

/// Connections between hosts. Each is two ordered streams: what is sent arrives in order, or the connection is lost,
/// and with it whatever was on its way, of which some may still arrive. A cut holds streams back, it loses nothing by
/// itself: what was held comes late, unless the sender has given up. Time-outs are the callers', as with real
/// connections.
///
/// A host has lives: a connection ends with the life of either end. When a process dies its machine closes its
/// connections and refuses new ones; when the machine dies there is silence.
class Network {
 public:
  /// Gives an answer; may be kept, and be called at most once, or never.
  template <class Response>
  using Reply = std::function<void(Response)>;
  using OnRefused = std::function<void(HostId from, HostId to)>;

  Network(Scheduler& scheduler, Random random, NetworkWeather weather);

  void add_host(HostId host);
  void host_up(HostId host);
  /// `silently`: the machine, not only the process.
  void host_down(HostId host, bool silently);
  /// Nothing of what the host sends or is sent is handled until then.
  void pause(HostId host, Instant until);
  bool is_paused(HostId host) const;
  /// Asked before anything is sent: nothing leaves a machine that has stopped, though its last event goes on.
  void set_stopped_check(std::function<bool(HostId)> has_stopped) { has_stopped_ = std::move(has_stopped); }

  /// Told when a connection is refused or closed because a process is gone.
  void on_gone(OnRefused told) { on_gone_ = std::move(told); }

  /// Runs `deliver` at `to`. Lost with the connection.
  void tell(HostId from, HostId to, Line line, std::function<void()> deliver);

  /// Runs `serve` at `to`, with the way to answer; `done` at `from`, exactly once, if `from` lives that long.
  template <class Response>
  void call(HostId from, HostId to, Line line, Duration timeout, std::function<void(Reply<Response>)> serve,
            std::function<void(CallError, Response*)> done);

  // Misfortune.
  void cut(HostId from, HostId to) { cuts_.insert({from, to}); }
  bool is_cut(HostId from, HostId to) const { return cuts_.contains({from, to}); }
  bool has_cuts() const { return !cuts_.empty(); }
  void heal_cuts();
  /// What goes that way crawls until then.
  void clog(HostId from, HostId to, Instant until) { clogs_[{from, to}] = until; }
  /// Connections of that host are reset.
  void reset_connections(HostId host, std::int64_t percent);
  void set_weather(NetworkWeather weather) { weather_ = weather; }

  std::uint64_t delivered() const noexcept { return delivered_; }

 private:
  struct Host {
    std::uint64_t life = 0;  // odd: up
    bool is_machine_up = true;
    Instant paused_until{0};
  };
  struct Call {
    std::uint64_t id = 0;
    std::function<void(CallError)> fail;
  };
  /// Of the host that opened it. Streams: 0 there, 1 back.
  struct Connection {
    std::uint64_t number = 0;
    HostId from = 0;
    HostId to = 0;
    std::uint64_t from_life = 0;
    std::uint64_t to_life = 0;
    Instant arrival[2] = {Instant{0}, Instant{0}};  // of the last thing sent, either way
    std::deque<Call> calls;                         // not answered yet
    bool is_closed = false;
  };
  using ConnectionPtr = std::shared_ptr<Connection>;
  using Path = std::pair<HostId, HostId>;
  struct Arrived {
    ConnectionPtr connection;
    int stream;
    std::function<void()> deliver;
  };
  /// What can't be handed over now: the path is cut, or the receiver is paused. In order; what comes later waits
  /// behind.
  struct Held {
    std::deque<Arrived> waiting;
    bool drains = false;
  };

  Duration draw_delay(HostId from, HostId to);
  ConnectionPtr connect(HostId from, HostId to, Line line);
  void send(const ConnectionPtr& connection, int stream, std::function<void()> deliver);
  void arrive(Arrived arrived);
  void hand_over(Arrived& arrived);
  void drain(Path path);
  bool is_blocked(Path path) const;
  void close(const ConnectionPtr& connection, CallError why);
  bool take_call(const ConnectionPtr& connection, std::uint64_t id);
  bool is_alive(HostId host, std::uint64_t life) const { return hosts_.at(host).life == life && life % 2 == 1; }
  std::uint64_t begin_call(const ConnectionPtr& connection, Duration timeout, std::function<void(CallError)> fail);

  Scheduler& scheduler_;
  Random random_;
  NetworkWeather weather_;
  std::function<bool(HostId)> has_stopped_ = [](HostId) { return false; };
  OnRefused on_gone_ = [](HostId, HostId) {};
  std::map<HostId, Host> hosts_;
  std::map<std::tuple<HostId, HostId, Line>, ConnectionPtr> connections_;
  std::set<Path> cuts_;
  std::map<Path, Instant> clogs_;
  std::map<Path, Held> held_;
  std::uint64_t next_number_ = 1;
  std::uint64_t next_call_ = 1;
  std::uint64_t delivered_ = 0;
};

template <class Response>
void Network::call(HostId from, HostId to, Line line, Duration timeout, std::function<void(Reply<Response>)> serve,
                   std::function<void(CallError, Response*)> done) {
  if (has_stopped_(from)) return;
  const auto connection = connect(from, to, line);
  if (!connection) {
    const auto life = hosts_.at(from).life;
    const bool told = hosts_.at(to).is_machine_up && !is_cut(from, to) && !is_cut(to, from);
    scheduler_.after(told ? draw_delay(from, to) + draw_delay(to, from) : timeout, [this, from, life, done, told] {
      if (is_alive(from, life)) done(told ? CallError::refused : CallError::timed_out, nullptr);
    });
    return;
  }
  const auto id = begin_call(connection, timeout, [done](CallError why) { done(why, nullptr); });
  send(connection, 0, [this, connection, id, serve = std::move(serve), done = std::move(done)] {
    serve([this, connection, id, done](Response response) {
      // An answer after the server's death, or over a connection that is closed, goes nowhere.
      if (connection->is_closed || !is_alive(connection->to, connection->to_life)) return;
      send(connection, 1, [this, connection, id, done, response = std::move(response)]() mutable {
        if (take_call(connection, id)) done(CallError::none, &response);
      });
    });
  });
}

}  // namespace sluice::sim
