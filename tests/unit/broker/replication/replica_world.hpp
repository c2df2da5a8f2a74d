#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "broker/replication/partition.hpp"
#include "storage/fs/memory_file_system.hpp"

namespace sluice::test {

using broker::replication::Partition;

/// Three replicas of one partition, a controller by the book, and everything between them on its way for as long as
/// chance will have it: the partitions are the real ones, over real logs; each step does one thing, and `check` holds
/// the whole against what has to be true.
class ReplicaWorld {
 public:
  struct Options {
    std::uint64_t seed = 1;
    bool synced = false;  ///< durability=fsync, and crashes lose what is not synced
    int min_in_sync = 1;
  };
  explicit ReplicaWorld(const Options& options);
  ~ReplicaWorld();

  /// Something happens, faults and elections too.
  void step();
  /// Nothing of what was promised is broken; else says what.
  std::optional<std::string> find_wrong();
  /// Everybody is back, and so it stays: until all have all, or many rounds have passed. Says what is missing.
  std::optional<std::string> settle();

  std::size_t acknowledged_count() const noexcept { return acknowledged_.size(); }
  int elections() const noexcept { return elections_; }
  int cuts() const noexcept { return cuts_; }

 private:
  using Instant = Partition::Instant;
  using Identity = std::uint32_t;  // of a record: the CRC of its batch, unique in a run
  struct Node;
  struct Fetch {
    broker::replication::FetchPosition asked;
    broker::controller::BrokerEpoch epoch;
  };
  struct Fetched {
    broker::replication::FetchPosition asked;
    broker::replication::FetchedData data;
    std::vector<std::byte> bytes;
    std::optional<Offset> restart;  // the leader has nothing before
  };
  struct Progress {
    BrokerId leader;
    LeaderEpoch leader_epoch;
    broker::controller::BrokerEpoch epoch;
    Offset synced_end;
  };
  struct Alter {
    BrokerId leader;
    std::uint64_t life;
    std::uint64_t number;
    broker::controller::AlterPartitionRequest::Change change;
  };
  struct Altered {
    std::uint64_t number;
    broker::controller::AlterPartitionResponse::Item item;
  };

  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
  Node& node(BrokerId id) { return *nodes_[static_cast<std::size_t>(id.value()) - 1]; }
  Node& any() { return *nodes_[static_cast<std::size_t>(pick(3))]; }

  void go_on(Node& node);
  void disturb(Node& node);

  // What replicas do.
  void start(Node& node);
  void crash(Node& node);
  void produce(Node& node);
  void learn(Node& node, bool newest);
  void sync(Node& node);
  void begin_fetch(Node& node);
  void serve_fetch(Node& node);
  void end_fetch(Node& node);
  void tell_progress(Node& node);
  void take_progress(Node& node);
  void ask_for_isr(Node& node);
  void answer_isr(Node& node);
  void lose_messages(Node& node);
  Fetched read(Node& leader, const Fetch& fetch, BrokerId follower);

  // What the controller does.
  broker::controller::AlterPartitionResponse::Item alter(const Alter& asked);
  void fence(Node& node);
  void unfence(Node& node);
  void elect(BrokerId leader);
  void elect_somebody();
  void publish() { images_.push_back(now_); }
  bool may_lead(BrokerId id);

  // What has to be true.
  void look_at(Node& node);
  std::optional<std::string> find_lost();

  const Options options_;
  std::mt19937_64 random_;
  Instant clock_{std::chrono::hours{1}};
  std::vector<std::unique_ptr<Node>> nodes_;
  broker::controller::PartitionImage now_;
  std::vector<broker::controller::PartitionImage> images_;
  std::int64_t next_broker_epoch_ = 1;
  std::uint64_t next_alter_ = 1;
  int next_value_ = 0;
  std::map<Offset, Identity> acknowledged_;
  std::map<Offset, Identity> exposed_;  // below some high watermark, once
  std::optional<std::string> wrong_;
  int elections_ = 0;
  int cuts_ = 0;
};

}  // namespace sluice::test
