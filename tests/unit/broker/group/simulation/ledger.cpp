#include "tests/unit/broker/group/simulation/ledger.hpp"

#include <algorithm>

namespace sluice::test::sim {

std::int64_t Ledger::end(TopicPartition of) const {
  const auto stream = streams_.find(of);
  return stream == streams_.end() ? 0 : stream->second.end;
}

void Ledger::on_start(TopicPartition at, Offset fetched) {
  const auto& stream = streams_[at];
  const auto from = std::max<std::int64_t>(fetched.value(), 0);
  world_.promise(from <= stream.processed, "t{}-{}: starts at {}, but only {} were read: records are skipped", at.topic,
                 at.partition, from, stream.processed);
}

void Ledger::on_processed(TopicPartition at, std::int64_t from, std::int64_t to) {
  auto& stream = streams_[at];
  world_.promise(from <= stream.processed, "t{}-{}: reads from {}, but only {} were read: records are skipped",
                 at.topic, at.partition, from, stream.processed);
  stream.processed = std::max(stream.processed, to);
}

std::int64_t Ledger::next_commit(const std::string& client) {
  committers_.push_back(client);
  return static_cast<std::int64_t>(committers_.size()) - 1;
}

void Ledger::on_acknowledged(TopicPartition of, std::int64_t commit, std::int64_t offset) {
  auto& stream = streams_[of];
  world_.promise(logged_.contains(commit) || !topics_.exists(of), "t{}-{}: commit {} acknowledged, but not in the log",
                 of.topic, of.partition, commit);
  world_.promise(!refused_.contains(commit), "commit {} acknowledged, but also refused", commit);
  stream.acknowledged = std::max(stream.acknowledged, offset);
}

void Ledger::on_refused(std::int64_t commit) {
  refused_.insert(commit);
  world_.promise(!logged_.contains(commit), "commit {} refused, but in the log", commit);
}

void Ledger::on_logged(const broker::group::OffsetRecord& record) {
  const TopicPartition of{topic_of(record.key.topic), record.key.partition.value()};
  if (!record.value) {
    return world_.promise(expiring_ || !topics_.exists(of), "t{}-{}: its offset was forgotten", of.topic, of.partition);
  }
  auto& stream = streams_[of];
  const auto offset = record.value->offset.value();
  world_.note("log: t{}-{} is at {}, commit {}", of.topic, of.partition, offset, record.value->metadata);
  const auto commit = std::stoll(record.value->metadata);
  const auto& by = committers_.at(static_cast<std::size_t>(commit));
  // A client that gave up on a commit, joined again and was asked to go on from before it, goes back itself: but never
  // behind what it was told is safe.
  const auto lowest = by == stream.logged_by ? stream.acknowledged : stream.logged;
  world_.promise(offset >= lowest, "t{}-{}: the committed offset goes back from {} to {}", of.topic, of.partition,
                 lowest, offset);
  world_.promise(offset <= stream.processed, "t{}-{}: commit of {}, but only {} were read", of.topic, of.partition,
                 offset, stream.processed);
  stream.logged = offset;
  stream.logged_by = by;
  world_.promise(!refused_.contains(commit), "t{}-{}: commit {} was refused, but is in the log", of.topic, of.partition,
                 commit);
  logged_.insert(commit);
}

void Ledger::on_visible(TopicPartition of, Offset offset) {
  if (expiring_ || !topics_.exists(of)) return;
  const auto& stream = streams_[of];
  world_.promise(std::max<std::int64_t>(offset.value(), 0) >= stream.acknowledged,
                 "t{}-{}: {} is committed, but {} was acknowledged", of.topic, of.partition, offset.value(),
                 stream.acknowledged);
}

bool Ledger::all_processed(const TopicPartitionSet& partitions) const { return unprocessed(partitions).empty(); }

std::string Ledger::unprocessed(const TopicPartitionSet& partitions) const {
  std::string text;
  for (const auto& partition : partitions) {
    const auto stream = streams_.find(partition);
    if (stream == streams_.end()) continue;
    const auto end = stream->second.end;
    const auto processed = stream->second.processed;
    const auto logged = stream->second.logged;
    if (processed == end && logged == end) continue;
    text += fmt::format(" t{}-{}: {} written, {} read, {} committed;", partition.topic, partition.partition, end,
                        processed, logged);
  }
  return text;
}

}  // namespace sluice::test::sim
