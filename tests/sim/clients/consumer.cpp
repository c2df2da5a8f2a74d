#include "tests/sim/clients/consumer.hpp"

#include <algorithm>
#include <sstream>

#include "tests/sim/node/node.hpp"

namespace sluice::sim {

using protocol::ErrorCode;

Consumer::Consumer(World& world, HostId host, History& history, bool is_final)
    : world_(world),
      host_(host),
      history_(history),
      is_final_(is_final),
      random_(world.random.fork()),
      view_(world, host) {}

void Consumer::set_targets(const std::vector<Target>& targets) {
  for (const auto& target : targets) {
    const auto [place, is_new] = places_.try_emplace(target.key);
    if (is_new) place->second = {.target = target, .assignment = next_assignment_++};
  }
}

void Consumer::run(Duration interval) {
  interval_ = interval;
  world_.scheduler.after(random_.between(interval / 2, interval * 2), [this] {
    if (stopped_) return;
    poll_all();
    run(interval_);
  });
}

void Consumer::poll_all() {
  for (auto& [key, place] : places_) {
    if (place.busy) continue;
    if (!is_final_ && random_.per_mille(5)) {
      place.next = Offset{0};
      place.assignment = next_assignment_++;
    }
    poll(place);
  }
}

void Consumer::poll(Place& place) {
  const auto* image = view_.find(place.target.partition);
  if (image == nullptr || image->leader == kNoBroker) {
    if (!std::exchange(refreshes_, true)) {
      view_.refresh([this] { refreshes_ = false; });
    }
    return;
  }
  place.busy = true;
  auto& node = world_.node(image->leader.value());
  world_.network.call<ConsumeAnswer>(
      host_, node.id(), Line::client, 3s,
      [&node, partition = place.target.partition, epoch = image->leader_epoch,
       from = place.next](Network::Reply<ConsumeAnswer> reply) {
        node.run([&](Process&) { reply(serve_consume(node, partition, epoch, from, 4096)); });
      },
      [this, key = place.target.key, assignment = place.assignment, asked = place.next](
          CallError, ConsumeAnswer* answer) { on_answer(key, assignment, asked, answer); });
}

void Consumer::on_answer(const Key& key, std::int64_t assignment, Offset asked, ConsumeAnswer* answer) {
  const auto found = places_.find(key);
  if (found == places_.end()) return;
  auto& place = found->second;
  place.busy = false;
  if (place.assignment != assignment || place.next != asked) return;
  if (answer != nullptr) place.error = answer->error;
  if (answer == nullptr || answer->error != ErrorCode::none) {
    if (answer != nullptr && answer->error == ErrorCode::offset_out_of_range) {
      require(world_.allows_loss(place.target.partition.topic_id),
              "what was consumed does not go away (consistent read)", host_, key, asked, "leader's end",
              answer->high_watermark);
      place.next = Offset{0};
      place.assignment = next_assignment_++;
    }
    if (!std::exchange(refreshes_, true)) {
      view_.refresh([this] { refreshes_ = false; });
    }
    return;
  }
  if (answer->records.empty()) return;
  place.next = answer->next;
  world_.trace.note("consumed", host_, asked.value(), place.next.value());
  auto& polls = is_final_ ? history_.final_polls : history_.polls;
  polls.push_back({.client = host_,
                   .assignment = assignment,
                   .key = key,
                   .records = std::move(answer->records),
                   .done = world_.scheduler.now()});
}

bool Consumer::has_reached(const std::map<Key, Offset>& ends) const {
  return std::ranges::all_of(ends, [&](const auto& end) {
    const auto place = places_.find(end.first);
    return place == places_.end() || place->second.next >= end.second;
  });
}

std::string Consumer::describe_missing(const std::map<Key, Offset>& ends) const {
  std::ostringstream out;
  for (const auto& [key, end] : ends) {
    const auto place = places_.find(key);
    if (place == places_.end() || place->second.next >= end) continue;
    out << key << " is read up to " << place->second.next.value() << " of " << end.value() << ", error "
        << static_cast<int>(place->second.error) << "; ";
  }
  return out.str();
}

}  // namespace sluice::sim
