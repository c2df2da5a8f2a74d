#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/group/group_record.hpp"
#include "tests/unit/broker/group/simulation/topics.hpp"
#include "tests/unit/broker/group/simulation/world.hpp"

namespace sluice::test::sim {

/// Who knows everything of the records: what was written, read and committed of every partition, and what was promised
/// to whom.
///
/// A partition is its records 0, 1, 2... up to `end`. Every commit of a client bears a number of its own (as metadata),
/// by which it is found in the coordinator's log.
class Ledger {
 public:
  Ledger(World& world, const Topics& topics) : world_(world), topics_(topics) {}

  void produce(TopicPartition to, std::int64_t records) { streams_[to].end += records; }
  std::int64_t end(TopicPartition of) const;

  /// A client goes on from where the group was; kNoOffset: nowhere yet.
  void on_start(TopicPartition at, Offset fetched);
  /// A client has read [from, to).
  void on_processed(TopicPartition at, std::int64_t from, std::int64_t to);

  /// The number of one offset that `client` is about to commit.
  std::int64_t next_commit(const std::string& client);
  void on_acknowledged(TopicPartition of, std::int64_t commit, std::int64_t offset);
  /// The coordinator said no: nothing of it may ever be seen.
  void on_refused(std::int64_t commit);
  /// A record is in the coordinator's log for good.
  void on_logged(const broker::group::OffsetRecord& record);
  /// What the coordinator tells everybody who asks.
  void on_visible(TopicPartition of, Offset offset);
  /// Offsets may be forgotten from now on.
  void let_expire() { expiring_ = true; }

  /// Everything that was written was read, and that is known to the coordinator.
  bool all_processed(const TopicPartitionSet& partitions) const;
  std::string unprocessed(const TopicPartitionSet& partitions) const;

 private:
  struct Stream {
    std::int64_t end = 0;
    std::int64_t processed = 0;     // all below have been read
    std::int64_t acknowledged = 0;  // the greatest that was
    std::int64_t logged = 0;
    std::string logged_by{};
  };

  World& world_;
  const Topics& topics_;
  std::map<TopicPartition, Stream> streams_;
  std::set<std::int64_t> refused_;
  std::set<std::int64_t> logged_;
  std::vector<std::string> committers_;  // by number
  bool expiring_ = false;
};

}  // namespace sluice::test::sim
