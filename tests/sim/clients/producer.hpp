#pragma once

#include <deque>
#include <map>
#include <vector>

#include "tests/sim/clients/broker_calls.hpp"
#include "tests/sim/clients/cluster_view.hpp"

namespace sluice::sim {

enum class ProducerKind : std::uint8_t {
  idempotent,  ///< acks=all; repeats what was not answered until it is
  acks_all,    ///< gives up after a few attempts; its repeats may be duplicates
  acks_one,
};

/// A producer, as Kafka's behave: at most five batches of a partition under way, in order; after an error everything
/// that was not answered is sent again in its order.
class Producer {
 public:
  Producer(World& world, HostId host, ProducerKind kind, History& history);

  /// From then on it writes to them.
  void set_targets(std::vector<Target> targets) { targets_ = std::move(targets); }
  void set_producer_id(std::int64_t id) { producer_id_ = id; }
  void run(Duration interval);
  void stop() noexcept { stopped_ = true; }
  /// Nothing waits for an answer.
  bool is_done() const;
  ProducerKind kind() const noexcept { return kind_; }
  HostId host() const noexcept { return host_; }
  /// The partition is gone: what was not answered stays unknown.
  void give_up(const Key& key);
  std::uint64_t acknowledged() const noexcept { return acknowledged_; }
  std::string describe() const;

 private:
  struct Batch {
    std::vector<Value> values;
    std::int32_t sequence = 0;
    bool sent = false;
    int attempts = 0;
    bool may_be_there = false;         // an attempt of it was not answered
    std::vector<std::size_t> sends{};  // in the history
  };
  struct Line {
    Target target;
    std::deque<Batch> batches;
    std::int32_t next_sequence = 0;
    std::uint64_t round = 0;  // answers to earlier ones are passed over
    bool is_known = false;    // the partition has taken something of this producer's
    bool waits = false;
  };

  static constexpr std::size_t kInFlight = 5;

  void produce();
  void pump(Line& line);
  void send(Line& line, Batch& batch);
  void on_answer(const Key& key, std::uint64_t round, std::int32_t sequence, CallError error, ProduceAnswer* answer);
  void retry_later(Line& line);
  void settle(Line& line, Outcome outcome, Offset base);
  void finish_front(Line& line, Outcome outcome, Offset base);

  World& world_;
  const HostId host_;
  const ProducerKind kind_;
  History& history_;
  Random random_;
  ClusterView view_;
  std::vector<Target> targets_;
  std::map<Key, Line> lines_;
  std::int64_t producer_id_ = -1;
  Duration interval_{};
  bool stopped_ = false;
  std::int64_t next_order_ = 0;
  std::uint64_t acknowledged_ = 0;
};

/// Values are of one run, and no two the same.
Value next_value(World& world);

}  // namespace sluice::sim
