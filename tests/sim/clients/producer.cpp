#include "tests/sim/clients/producer.hpp"

#include <algorithm>
#include <sstream>

#include "tests/sim/node/node.hpp"

namespace sluice::sim {

using protocol::ErrorCode;

namespace {

/// Told before anything was appended: it is not there.
bool is_refusal(ErrorCode error) {
  return error == ErrorCode::not_leader_or_follower || error == ErrorCode::unknown_topic_or_partition ||
         error == ErrorCode::not_enough_replicas || error == ErrorCode::fenced_leader_epoch ||
         error == ErrorCode::unknown_leader_epoch;
}

}  // namespace

Value next_value(World& world) { return world.next_value++; }

Producer::Producer(World& world, HostId host, ProducerKind kind, History& history)
    : world_(world), host_(host), kind_(kind), history_(history), random_(world.random.fork()), view_(world, host) {}

void Producer::run(Duration interval) {
  interval_ = interval;
  world_.scheduler.after(random_.within(interval * 2), [this] {
    produce();
    if (!stopped_) run(interval_);
  });
}

void Producer::produce() {
  if (stopped_ || targets_.empty() || (kind_ == ProducerKind::idempotent && producer_id_ < 0)) return;
  const auto& target = random_.pick(targets_);
  auto& line = lines_[target.key];
  line.target = target;
  if (line.batches.size() >= kInFlight * 2) return;
  Batch batch;
  const auto count = 1 + random_.roll(3);
  for (std::int64_t i = 0; i < count; ++i) {
    batch.values.push_back(next_value(world_));
    batch.sends.push_back(history_.sends.size());
    history_.sends.push_back(
        {.client = host_, .order = next_order_++, .key = target.key, .value = batch.values.back()});
  }
  batch.sequence = line.next_sequence;
  line.next_sequence += static_cast<std::int32_t>(count);
  line.batches.push_back(std::move(batch));
  pump(line);
}

void Producer::pump(Line& line) {
  if (line.waits) return;
  // A partition that does not know a producer takes whatever sequence comes first, as in Kafka, whose state may have
  // been deleted: what follows the first batch must not get to a new leader before it.
  const auto in_flight_max = kind_ == ProducerKind::idempotent && !line.is_known ? 1 : kInFlight;
  std::size_t under_way = 0;
  for (auto& batch : line.batches) {
    if (under_way == in_flight_max) return;
    ++under_way;
    if (!batch.sent) send(line, batch);
    if (line.waits) return;
  }
}

void Producer::send(Line& line, Batch& batch) {
  const auto* image = view_.find(line.target.partition);
  if (image == nullptr || image->leader == kNoBroker) return retry_later(line);
  batch.sent = true;
  ++batch.attempts;
  auto bytes = make_batch(batch.values, kind_ == ProducerKind::idempotent ? producer_id_ : -1, batch.sequence,
                          Timestamp{1'700'000'000'000 + world_.scheduler.now().count() / 1'000'000});
  auto& node = world_.node(image->leader.value());
  const bool acks_all = kind_ != ProducerKind::acks_one;
  world_.network.call<ProduceAnswer>(
      host_, node.id(), sim::Line::client, 3s,
      [this, &node, partition = line.target.partition, bytes = std::move(bytes),
       acks_all](Network::Reply<ProduceAnswer> reply) {
        node.run([&](Process&) { serve_produce(world_, node, partition, bytes, acks_all, reply); });
      },
      [this, key = line.target.key, round = line.round, sequence = batch.sequence](
          CallError error, ProduceAnswer* answer) { on_answer(key, round, sequence, error, answer); });
}

void Producer::on_answer(const Key& key, std::uint64_t round, std::int32_t sequence, CallError error,
                         ProduceAnswer* answer) {
  auto& line = lines_[key];
  const auto batch = std::ranges::find_if(line.batches, [&](const Batch& one) { return one.sequence == sequence; });
  if (batch == line.batches.end()) return;
  const bool is_front = batch == line.batches.begin();
  const auto code = answer == nullptr ? ErrorCode::network_exception : answer->error;
  world_.trace.note("produce answered", host_, static_cast<std::int64_t>(code), sequence,
                    answer == nullptr ? -1 : answer->base_offset.value());
  if (code == ErrorCode::none) {
    // In whatever order they come: each says of its own batch that it is there.
    for (std::size_t i = 0; i < batch->sends.size(); ++i) {
      auto& send = history_.sends[batch->sends[i]];
      send.outcome = Outcome::ok;
      send.offset = answer->base_offset + static_cast<std::int64_t>(i);
      send.done = world_.scheduler.now();
    }
    acknowledged_ += batch->sends.size();
    line.is_known = true;
    line.batches.erase(batch);
    return pump(line);
  }
  if (round != line.round) return;
  const bool maybe = answer == nullptr ? error != CallError::refused : !is_refusal(code);
  batch->may_be_there = batch->may_be_there || maybe;
  if (kind_ == ProducerKind::idempotent && is_front && code == ErrorCode::out_of_order_sequence_number) {
    // All before it was acknowledged, so that the leader has to know it.
    require(world_.allows_loss(line.target.partition.topic_id), "an idempotent producer's next batch is in sequence",
            host_, key, sequence);
  }
  if (kind_ != ProducerKind::idempotent && batch->attempts >= 3) {
    const auto outcome = batch->may_be_there ? Outcome::unknown : Outcome::failed;
    for (const auto index : batch->sends) {
      history_.sends[index].outcome = outcome;
      history_.sends[index].done = world_.scheduler.now();
    }
    line.batches.erase(batch);
  }
  // What follows it may be there or not: all of it again, in order.
  ++line.round;
  for (auto& left : line.batches) {
    if (left.sent) left.may_be_there = true;
    left.sent = false;
  }
  retry_later(line);
}

void Producer::retry_later(Line& line) {
  if (std::exchange(line.waits, true)) return;
  world_.scheduler.after(random_.between(50ms, 300ms), [this, key = line.target.key] {
    view_.refresh([this, key] {
      auto& again = lines_[key];
      again.waits = false;
      pump(again);
    });
  });
}

void Producer::give_up(const Key& key) {
  std::erase_if(targets_, [&](const Target& target) { return target.key == key; });
  const auto found = lines_.find(key);
  if (found != lines_.end()) found->second.batches.clear();
}

bool Producer::is_done() const {
  return std::ranges::all_of(lines_, [](const auto& line) { return line.second.batches.empty(); });
}

std::string Producer::describe() const {
  std::ostringstream out;
  for (const auto& [key, line] : lines_) {
    if (!line.batches.empty()) {
      out << "producer " << host_ << ' ' << key << " waits for " << line.batches.size() << " batches from sequence "
          << line.batches.front().sequence << "; ";
    }
  }
  return out.str();
}

}  // namespace sluice::sim
