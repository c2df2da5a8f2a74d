#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/messages/fetch.hpp"

namespace sluice::broker::fetch {

class ReplicaFetchSession;

/// The fetch sessions of followers: apart from those of consumers, because they hold on to their partitions and must
/// not be driven out by clients. At most kPerReplica for each follower; one of an earlier life of the follower goes
/// when the next is begun, and one unused for two minutes when any other is.
///
/// Threading: any.
class ReplicaFetchSessions {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kPerReplica = 64;

  ReplicaFetchSessions();
  ~ReplicaFetchSessions();

  struct Follower {
    BrokerId id{};
    controller::BrokerEpoch epoch = controller::kNoBrokerEpoch;
  };
  std::shared_ptr<ReplicaFetchSession> begin(Follower follower, Instant now);
  /// Null: there is none of that id, or it is another's.
  std::shared_ptr<ReplicaFetchSession> find(BrokerId follower, std::int32_t session_id, Instant now);
  void end(BrokerId follower, std::int32_t session_id);
  /// ReplicaFetchSession::note_idle of all, `count` of each: before the leader looks who has fallen behind. True: there
  /// are more, for the next call. On one thread.
  bool note_idle(std::size_t count, bool only_refusing);
  void note_idle() { note_idle(std::numeric_limits<std::size_t>::max(), false); }
  std::size_t session_count() const;
  void clear();  ///< before the partitions go

 private:
  struct Held {
    std::shared_ptr<ReplicaFetchSession> session;
    Instant last_used;
  };
  std::int32_t new_id() const;

  mutable std::mutex mutex_;
  std::vector<Held> sessions_;  // a handful: num.replica.fetchers for each follower
  bool in_turn_ = false;        // note_idle has yet to end; on its thread
};

}  // namespace sluice::broker::fetch
