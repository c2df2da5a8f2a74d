#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/base/uuid.hpp"
#include "protocol/messages/fetch.hpp"

namespace sluice::broker::fetch {

using Instant = std::chrono::steady_clock::time_point;

/// What one partition of a fetch asks for. Named by topic id from version 13 on, by name before.
struct FetchTarget {
  std::string topic;
  Uuid topic_id;
  PartitionId partition;
  LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
  Offset fetch_offset{0};
  LeaderEpoch last_fetched_epoch = kNoLeaderEpoch;
  std::int32_t bytes_max = 0;
};

/// One client's remembered fetch (KIP-227): which partitions it follows and what it was told about each last. Not
/// thread-safe; the cache's lock guards it.
class FetchSession {
 public:
  FetchSession(std::int32_t id, bool by_topic_id) : id_(id), by_topic_id_(by_topic_id) {}

  std::int32_t id() const noexcept { return id_; }
  std::int32_t epoch() const noexcept { return epoch_; }  ///< of the next incremental request
  bool by_topic_id() const noexcept { return by_topic_id_; }
  void advance_epoch() noexcept;

  void update(const protocol::FetchRequest& request);
  std::vector<FetchTarget> targets() const;
  std::size_t partition_count() const noexcept { return partitions_.size(); }

  /// Removes from `response` what the client knows already, and remembers the rest. Partitions with records move to
  /// the end of the order, so that a response that was filled up by some starts with the others next time.
  void note_and_prune(protocol::FetchResponse& response, bool incremental);

 private:
  struct Known {
    FetchTarget target;
    Offset high_watermark = kNoOffset;
    Offset log_start_offset = kNoOffset;
    Offset last_stable_offset = kNoOffset;
  };
  struct Key {
    std::string topic;
    Uuid topic_id;
    PartitionId partition;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };

  bool is_news(Known& known, const protocol::FetchResponse::PartitionData& data) const noexcept;

  std::int32_t id_;
  std::int32_t epoch_ = 1;  // 1.. INT32_MAX, then 1 again; 0 and -1 have meanings of their own
  bool by_topic_id_;
  std::list<Known> partitions_;  // in the order they are served
  std::unordered_map<Key, std::list<Known>::iterator, KeyHash> by_key_;
};

/// How one Fetch request is to be served: its targets, and what becomes of the response at the end.
struct FetchPlan {
  protocol::ErrorCode error = protocol::ErrorCode::none;  ///< set: answer this and nothing else
  std::int32_t session_id = 0;                            ///< 0: no session
  bool incremental = false;
  std::vector<FetchTarget> targets{};
};

/// All fetch sessions of a broker: at most `max.incremental.fetch.session.cache.slots`. When they are taken, a session
/// unused for two minutes makes room; otherwise the client is served without one. Thread-safe.
class FetchSessionCache {
 public:
  explicit FetchSessionCache(std::size_t slots) : slots_(slots) {}

  FetchPlan begin(const protocol::FetchRequest& request, std::int16_t version, Instant now);
  /// Sets the session id of a response to `plan` and, for a session, prunes it.
  void finish(const FetchPlan& plan, protocol::FetchResponse& response);

  std::size_t session_count() const;

 private:
  struct Held {
    FetchSession session;
    Instant last_used;
    std::list<std::int32_t>::iterator age;
  };

  FetchPlan begin_session(const protocol::FetchRequest& request, bool by_topic_id, Instant now);
  FetchPlan go_on(const protocol::FetchRequest& request, bool by_topic_id, Instant now);
  bool make_room(Instant now);
  void drop(std::int32_t id);
  std::int32_t new_id();

  const std::size_t slots_;
  mutable std::mutex mutex_;
  std::unordered_map<std::int32_t, Held> sessions_;
  std::list<std::int32_t> by_age_;  // least recently used first
};

}  // namespace sluice::broker::fetch
