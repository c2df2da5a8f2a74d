#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/clients/broker_calls.hpp"
#include "tests/sim/clients/cluster_view.hpp"

namespace sluice::sim {

/// Reads partitions from their beginning on, and now and then begins anew.
class Consumer {
 public:
  Consumer(World& world, HostId host, History& history, bool is_final);

  void set_targets(const std::vector<Target>& targets);
  void run(Duration interval);
  void stop() noexcept { stopped_ = true; }
  void give_up(const Key& key) { places_.erase(key); }
  /// Whether it has read all partitions up to these ends.
  bool has_reached(const std::map<Key, Offset>& ends) const;
  /// Of which keys it has not read how much.
  std::string describe_missing(const std::map<Key, Offset>& ends) const;

 private:
  struct Place {
    Target target;
    Offset next{0};
    std::int64_t assignment = 0;
    bool busy = false;
    protocol::ErrorCode error = protocol::ErrorCode::none;  // answered last
  };

  void poll_all();
  void poll(Place& place);
  void on_answer(const Key& key, std::int64_t assignment, Offset asked, ConsumeAnswer* answer);

  World& world_;
  const HostId host_;
  History& history_;
  const bool is_final_;
  Random random_;
  ClusterView view_;
  std::map<Key, Place> places_;
  std::int64_t next_assignment_ = 1;
  Duration interval_{};
  bool refreshes_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::sim
