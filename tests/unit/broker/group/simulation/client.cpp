#include "tests/unit/broker/group/simulation/client.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace sluice::test::sim {

using broker::group::GroupShard;
using protocol::ErrorCode;

namespace {

constexpr Time kRequestTimeout{3000};
constexpr int kPollsPerCommit = 3;

/// The coordinator has looked at the request and said no. Else it may still have taken it.
bool is_refusal(ErrorCode error) {
  switch (error) {
    case ErrorCode::none:
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::not_coordinator: return false;
    default: return true;
  }
}

}  // namespace

void Client::start() {
  running_ = true;
  note("starts");
  later(Time{random().below(static_cast<int>(options_.poll_interval.count()))}, [this] { poll(); });
  on_start();
}

void Client::kill() {
  if (!running_) return;
  note("dies");
  ended();
}

void Client::ended() {
  ++life_;
  running_ = paused_ = closing_ = fetching_ = false;
  deferred_.clear();
  waiting_.clear();
  commits_under_way_ = 0;
  owned_.clear();
  readings_.clear();
  member_id_.clear();
  on_kill();
}

void Client::close() {
  if (!running_ || paused_ || std::exchange(closing_, true)) return;
  note("closes");
  commit_and_wait([this] { on_close(); });
}

void Client::pause() {
  if (!running_ || paused_) return;
  note("stops");
  paused_ = true;
}

void Client::resume() {
  if (!paused_) return;
  note("goes on");
  paused_ = false;
  const auto life = life_;
  for (const auto& action : std::exchange(deferred_, {})) {
    if (life == life_) action();
  }
}

void Client::subscribe(std::vector<int> topics) {
  if (!running_ || paused_) return;
  options_.topics = std::move(topics);
  note("subscribes {} topics, from {}", options_.topics.size(), options_.topics.front());
  on_subscribe();
}

void Client::later(Time delay, std::function<void()> action) {
  around_.world.after(delay, [this, life = life_, action = std::move(action)] {
    if (life != life_) return;
    if (paused_) return deferred_.push_back(action);
    action();
  });
}

void Client::own(TopicPartitionSet partitions) {
  if (partitions == owned_) return;
  note("owns {}", to_string(partitions));
  for (const auto& lost : minus(owned_, partitions)) readings_.erase(lost);
  for (const auto& gained : minus(partitions, owned_)) readings_[gained].acquisition = ++acquisitions_;
  owned_ = std::move(partitions);
  around_.on_owned(*this);
}

void Client::poll() {
  if (closing_) return;
  later(options_.poll_interval, [this] { poll(); });
  on_poll();
  read();
  fetch_positions();
  if (++polls_ % kPollsPerCommit == 0) commit();
}

void Client::read() {
  for (auto& [partition, reading] : readings_) {
    if (!reading.position || !around_.topics.exists(partition)) continue;
    const auto to = std::min(around_.ledger.end(partition), *reading.position + random().between(1, 20));
    if (to <= *reading.position) continue;
    around_.ledger.on_processed(partition, *reading.position, to);
    reading.position = to;
  }
}

void Client::fetch_positions() {
  if (fetching_) return;
  std::map<TopicPartition, std::uint64_t> asked;
  TopicPartitionSet partitions;
  for (const auto& [partition, reading] : readings_) {
    if (reading.position || !around_.topics.exists(partition)) continue;
    asked.emplace(partition, reading.acquisition);
    partitions.insert(partition);
  }
  if (asked.empty()) return;
  GroupShard::FetchOfGroup request;
  request.group_id = kGroup;
  if (epoch_to_fetch() >= 0) {
    request.member_id = member_id_;
    request.member_epoch = epoch_to_fetch();
  }
  auto& topics = request.topics.emplace();
  for (const auto& [topic, partition] : partitions) {
    if (topics.empty() || topics.back().topic_id != id_of(topic)) {
      topics.emplace_back();
      topics.back().name = name_of(topic);
      topics.back().topic_id = id_of(topic);
    }
    topics.back().partition_indexes.emplace_back(partition);
  }
  fetching_ = true;
  call<GroupShard::FetchedOfGroup>(
      kRequestTimeout,
      [this, request = std::move(request)](const auto& answer) { around_.coordinator.fetch(request, answer); },
      [this, asked = std::move(asked)](const auto* fetched) { on_fetched(asked, fetched); });
}

void Client::on_fetched(const std::map<TopicPartition, std::uint64_t>& asked,
                        const GroupShard::FetchedOfGroup* fetched) {
  fetching_ = false;
  if (fetched == nullptr || fetched->error_code != ErrorCode::none) return;  // asked again by the next poll
  for (const auto& topic : fetched->topics) {
    for (const auto& partition : topic.partitions) {
      const TopicPartition of{topic_of(topic.name), partition.partition_index.value()};
      const auto reading = readings_.find(of);
      if (reading == readings_.end() || reading->second.acquisition != asked.at(of)) continue;
      if (!around_.topics.exists(of)) continue;
      note("starts t{}-{} at {}", of.topic, of.partition, partition.committed_offset.value());
      around_.ledger.on_start(of, partition.committed_offset);
      reading->second.position = std::max<std::int64_t>(partition.committed_offset.value(), 0);
      reading->second.committed = partition.committed_offset.value();
    }
  }
}

void Client::commit() {
  if (!epoch_to_commit() || !waiting_.empty()) return;
  std::map<int, SentOffsets> by_topic;
  for (const auto& [partition, reading] : readings_) {
    if (!reading.position || *reading.position == reading.committed) continue;
    by_topic[partition.topic].push_back({partition, reading.acquisition, 0, *reading.position});
  }
  for (auto& [topic, offsets] : by_topic) commit_topic(std::move(offsets));
}

void Client::commit_and_wait(std::function<void()> then) {
  commit();
  if (commits_under_way_ == 0) return then();
  waiting_.push_back(std::move(then));
}

void Client::commit_topic(SentOffsets offsets) {
  const auto epoch = epoch_to_commit();
  if (!epoch) return;
  protocol::OffsetCommitRequest request;
  request.group_id = kGroup;
  request.member_id = member_id_;
  request.group_instance_id = options_.instance_id;
  request.generation_id_or_member_epoch = *epoch;
  auto& topic = request.topics.emplace_back();
  topic.name = name_of(offsets.front().of.topic);
  topic.topic_id = id_of(offsets.front().of.topic);
  for (auto& sent : offsets) {
    sent.number = around_.ledger.next_commit(name());
    auto& to = topic.partitions.emplace_back();
    to.partition_index = PartitionId{sent.of.partition};
    to.committed_offset = Offset{sent.offset};
    to.committed_metadata = std::to_string(sent.number);
  }
  note("commits t{}, {} to {}", offsets.front().of.topic, offsets.front().number, offsets.back().number);
  ++commits_under_way_;
  call<protocol::OffsetCommitResponse>(
      kRequestTimeout,
      [this, request = std::move(request)](const auto& answer) { around_.coordinator.commit(request, answer); },
      [this, commit = ++commits_, offsets = std::move(offsets)](const auto* response) {
        --commits_under_way_;
        on_committed(offsets, response);
        // Once more the same, if nothing has overtaken it.
        const bool again =
            response == nullptr && commit == commits_ && random().one_in(2) &&
            std::all_of(offsets.begin(), offsets.end(), [&](const auto& sent) { return still_has(sent); });
        if (again) commit_topic(offsets);
        if (commits_under_way_ > 0) return;
        for (const auto& then : std::exchange(waiting_, {})) then();
      });
}

void Client::on_committed(const SentOffsets& offsets, const protocol::OffsetCommitResponse* response) {
  if (response == nullptr) return;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const auto& sent = offsets[i];
    const auto error = response->topics.front().partitions[i].error_code;
    if (is_refusal(error)) {
      note("commit {} of t{}-{} refused: {}", sent.number, sent.of.topic, sent.of.partition, static_cast<int>(error));
      around_.ledger.on_refused(sent.number);
    }
    if (error != ErrorCode::none) continue;
    around_.ledger.on_acknowledged(sent.of, sent.number, sent.offset);
    if (still_has(sent)) readings_.at(sent.of).committed = sent.offset;
  }
}

bool Client::still_has(const SentOffset& sent) const {
  const auto reading = readings_.find(sent.of);
  return reading != readings_.end() && reading->second.acquisition == sent.acquisition;
}

}  // namespace sluice::test::sim
