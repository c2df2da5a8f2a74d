#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "broker/replication/follower_fetch.hpp"
#include "protocol/messages/fetch.hpp"
#include "tests/sim/world/network.hpp"

namespace sluice::sim {

class Node;
struct World;

/// A leader's answer, and the bytes that it points to.
struct FetchAnswer {
  std::shared_ptr<protocol::FetchResponse> response;
  std::shared_ptr<std::vector<std::vector<std::byte>>> bytes;
};

/// Fetches this broker's replicas from their leaders, by the real FollowerFetch. What FetcherManager and FetcherDriver
/// do with threads and sockets.
class Fetchers {
 public:
  Fetchers(World& world, Node& node) : world_(world), node_(node) {}

  void apply(const broker::controller::MetadataDelta& delta);
  void set_broker_epoch(broker::controller::BrokerEpoch epoch);
  void note_synced(const broker::replication::Partition& partition);
  void stop() { fetchers_.clear(); }

 private:
  struct Fetcher {
    Fetcher(BrokerId leader, const broker::replication::FollowerFetch::Options& options) : fetch(leader, options) {}
    broker::replication::FollowerFetch fetch;
    std::uint64_t connection = 1;  // answers over earlier ones are passed over
    bool waits = false;            // after a failure
    Instant wake_at = Instant::max();
  };

  void go_on(BrokerId leader);
  void ask(BrokerId leader, Fetcher& fetcher, const protocol::FetchRequest& request);
  void on_answer(BrokerId leader, std::uint64_t connection, FetchAnswer* answer);
  void back_off(BrokerId leader, Fetcher& fetcher);
  void tell_progress(BrokerId leader, Fetcher& fetcher);

  World& world_;
  Node& node_;
  std::map<BrokerId, std::unique_ptr<Fetcher>> fetchers_;
  broker::controller::BrokerEpoch broker_epoch_ = broker::controller::kNoBrokerEpoch;
};

}  // namespace sluice::sim
