#pragma once

#include <list>
#include <memory>

#include "broker/fetch/replica_fetch_reader.hpp"
#include "broker/fetch/replica_fetch_session.hpp"
#include "broker/fetch/replica_fetch_sessions.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/messages/fetch.hpp"
#include "tests/sim/node/fetchers.hpp"
#include "tests/sim/world/network.hpp"

namespace sluice::sim {

class Node;
struct World;

/// What followers fetch from this broker, by the real sessions.
class ReplicaFetches {
 public:
  using Reply = Network::Reply<FetchAnswer>;

  ReplicaFetches(World& world, Node& node) : world_(world), node_(node) {}
  ~ReplicaFetches();

  void serve(const protocol::FetchRequest& request, const Reply& reply);
  void take_progress(ByteView message);
  /// Before a leader looks who has fallen behind.
  void note_idle() { sessions_.note_idle(); }

 private:
  /// A fetch that waits for records.
  struct Waiting;
  using WaitingPtr = std::shared_ptr<Waiting>;

  std::shared_ptr<broker::fetch::ReplicaFetchSession> session_for(const protocol::FetchRequest& request);
  void try_answer(const WaitingPtr& waiting, bool time_is_up);
  void answer(const WaitingPtr& waiting, broker::fetch::ReplicaCollected collected);

  World& world_;
  Node& node_;
  broker::fetch::ReplicaFetchSessions sessions_;
  std::list<WaitingPtr> waiting_;
};

}  // namespace sluice::sim
