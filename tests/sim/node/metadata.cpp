#include "tests/sim/node/metadata.hpp"

#include <algorithm>

#include "broker/controller/metadata_record.hpp"
#include "tests/sim/invariants/watchers.hpp"
#include "tests/sim/node/node.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {

using namespace broker::controller;
namespace raft = broker::raft;

Metadata::Metadata(World& world, Node& node)
    : world_(world),
      node_(node),
      state_(world.config, [&world] { return world.make_uuid(); }),
      core_(world.settings.controller, [this](std::string command) { return propose(std::move(command)); }) {}

std::optional<Offset> Metadata::propose(std::string command) {
  if (raft_ == nullptr) return std::nullopt;
  std::vector<std::string> commands;
  commands.push_back(std::move(command));
  const auto proposed = raft_->propose(std::move(commands), node_.clock().now());
  if (proposed.refusal != raft::Refusal::none) return std::nullopt;
  return Offset{proposed.last_index.value()};
}

void Metadata::submit(ControllerRequest request, Answer<ControllerResponse> answer) {
  core_.submit(std::move(request), std::move(answer), node_.clock().now());
}

void Metadata::on_broker_gone(BrokerId broker) { core_.on_broker_gone(broker, node_.clock().now()); }

void Metadata::apply(std::vector<raft::Entry> entries) {
  for (const auto& entry : entries) {
    applied_term_ = entry.term;
    if (entry.type != raft::EntryType::command) continue;
    const auto records = decode(as_byte_view(entry.data));
    require(records.has_value(), "committed commands are understood", node_.id(), entry.index);
    state_.replay(*records, Offset{entry.index.value()});
    offer(state_.take_change());  // whose image is not changed any more
    if (world_.watchers->metadata.check_applied(node_.id(), entry.index, *records, state_)) {
      world_.watchers->replicas.check_metadata(*records);
    }
  }
  if (core_.is_active()) core_.on_committed(Offset{entries.back().index.value()}, node_.clock().now());
  lead_if_due();
}

bool Metadata::restore(const raft::SnapshotMeta& meta, std::string bytes) {
  const auto records = decode(as_byte_view(bytes));
  if (!records) return false;
  state_.reset(*records, Offset{meta.index.value()});
  offer(state_.take_change());
  world_.watchers->metadata.check_restored(node_.id(), meta.index, state_);
  return true;
}

std::function<std::string()> Metadata::save() {
  return [state = state_] { return encode(state.to_records()); };
}

void Metadata::on_role_change(const raft::RoleChange& change, raft::Now) {
  const bool leads = change.role == raft::Role::leader;
  if (leads_in_ && (!leads || change.term != *leads_in_)) {
    leads_in_.reset();
    core_.resign();
  }
  if (leads && !leads_in_) {
    leads_in_ = change.term;
    lead_if_due();
  }
  node_.later([](Process& process) { process.on_leader_change(); });
}

void Metadata::lead_if_due() {
  if (!leads_in_ || core_.is_active() || raft_ == nullptr || applied_term_ != *leads_in_) return;
  world_.trace.note("controller", node_.id(), leads_in_->value());
  core_.lead(state_, node_.clock().now());
  node_.later([](Process& process) { process.on_leader_change(); });
}

void Metadata::tick(raft::Now now) {
  if (core_.is_active()) core_.tick(now);
}

raft::Instant Metadata::next_deadline() const {
  return core_.is_active() ? core_.next_deadline() : raft::Instant::max();
}

void Metadata::settle() {
  const auto deadline = next_deadline();
  if (deadline == raft::Instant::max()) return;
  const auto due = world_.scheduler.now() + std::max<Duration>(node_.clock().until(deadline), Duration{1000});
  if (tick_at_ <= due && tick_at_ >= world_.scheduler.now()) return;
  tick_at_ = due;
  node_.after(due - world_.scheduler.now(), [this, due](Process&) {
    if (tick_at_ == due) tick_at_ = std::chrono::nanoseconds::max();
    tick(node_.clock().now());
  });
}

/// The metadata thread takes a while; what is applied meanwhile becomes one change. As ImagePublisher has it.
void Metadata::offer(ImageChange change) {
  if (!change.after || change.before == change.after) return;
  if (!waiting_) {
    waiting_ = std::move(change);
    node_.after(world_.random.within(world_.settings.publish_max), [this](Process&) { publish(); });
    return;
  }
  auto& into = waiting_->delta;
  waiting_->after = std::move(change.after);
  into.brokers_changed |= change.delta.brokers_changed;
  into.features_changed |= change.delta.features_changed;
  for (const auto id : change.delta.broker_configs) {
    if (std::ranges::find(into.broker_configs, id) == into.broker_configs.end()) into.broker_configs.push_back(id);
  }
  for (auto& topic : change.delta.topics) {
    const auto& id = (topic.after ? topic.after : topic.before)->id;
    const auto known = std::ranges::find_if(
        into.topics, [&](const TopicChange& one) { return (one.after ? one.after : one.before)->id == id; });
    if (known == into.topics.end()) {
      into.topics.push_back(std::move(topic));
    } else {
      known->after = std::move(topic.after);
      if (!known->before && !known->after) into.topics.erase(known);
    }
  }
}

void Metadata::publish() {
  const auto change = std::move(*waiting_);
  waiting_.reset();
  node_.process().on_image(change.delta, change.after);
  image_ = change.after;
  world_.trace.note("image", node_.id(), image_->version().value());
  const auto end = awaited_.upper_bound(image_->version());
  std::vector<std::function<void()>> reached;
  for (auto at = awaited_.begin(); at != end; ++at) reached.push_back(std::move(at->second));
  awaited_.erase(awaited_.begin(), end);
  for (const auto& each : reached) each();
  node_.process().on_published();
}

void Metadata::when_reached(Offset version, std::function<void()> reached) {
  if (image_->version() >= version) return reached();
  awaited_.emplace(version, std::move(reached));
}

}  // namespace sluice::sim
