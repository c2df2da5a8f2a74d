#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "tests/unit/broker/group/simulation/world.hpp"

namespace sluice::test::sim {

template <class Response>
using Answer = std::function<void(const Response&)>;

/// The way from clients to the coordinator and back: loses and delays requests and answers.
///
/// What one client sends arrives in order, as on a connection; among clients anything may overtake anything. A request
/// that was not answered in time may have been taken in all the same: its repetition then is the second.
class Network {
 public:
  struct Faults {
    int lost_per_mille = 0;  ///< of requests, and as many of answers
    int slow_per_mille = 0;
    Time slowest{0};
  };
  /// One client's connection.
  struct Line {
    Time last_arrival{0};
  };

  explicit Network(World& world) : world_(world) {}

  Faults faults;

  /// `send` hands the request to the coordinator, when it arrives; `done` is told the answer, or null when none came in
  /// `timeout`. Once.
  template <class Response>
  void call(Line& line, Time timeout, std::function<void(Answer<Response>)> send,
            std::function<void(const Response*)> done) {
    const auto open = std::make_shared<std::function<void(const Response*)>>(std::move(done));
    world_.after(timeout, [open] { finish<Response>(*open, nullptr); });
    if (world_.random.per_mille(faults.lost_per_mille)) return;
    line.last_arrival = std::max(line.last_arrival, world_.now() + delay());
    world_.after(line.last_arrival - world_.now(), [this, open, send = std::move(send)] {
      send([this, open](const Response& response) {
        if (world_.random.per_mille(faults.lost_per_mille)) return;
        world_.after(delay(), [open, response] { finish<Response>(*open, &response); });
      });
    });
  }

 private:
  template <class Response>
  static void finish(std::function<void(const Response*)>& open, const Response* response) {
    if (!open) return;
    const auto done = std::exchange(open, nullptr);
    done(response);
  }
  Time delay() {
    if (!world_.random.per_mille(faults.slow_per_mille)) return Time{world_.random.below(5)};
    return Time{world_.random.below(static_cast<int>(faults.slowest.count()) + 1)};
  }

  World& world_;
};

}  // namespace sluice::test::sim
