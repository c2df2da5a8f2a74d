#include "tests/sim/node/quorum.hpp"

#include "broker/raft/raft_codec.hpp"
#include "tests/sim/invariants/watchers.hpp"
#include "tests/sim/node/node.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {

using broker::raft::LogIndex;
using broker::raft::Message;
using broker::raft::Ready;

Quorum::Quorum(World& world, Node& node, std::unique_ptr<broker::raft::RaftStore> store,
               broker::raft::StateMachine& machine)
    : world_(world), node_(node), store_(std::move(store)), machine_(machine) {}

Quorum::~Quorum() { world_.watchers->quorum.forget(node_.key()); }

bool Quorum::start(std::vector<BrokerId> contacts) {
  const auto snapshot = store_->snapshot();
  if (snapshot.index != broker::raft::kNoIndex) {
    auto state = store_->load_snapshot();
    if (!state || !machine_.restore(snapshot, std::move(*state))) return false;
    applied_ = snapshot.index;
  }
  raft_ = std::make_unique<broker::raft::Raft>(world_.settings.raft, node_.key(), store_->hard_state(), *store_,
                                               world_.random.next(), node_.clock().now());
  raft_->set_contacts(std::move(contacts));
  world_.watchers->quorum.watch(node_.key(), *raft_, *store_);
  pump();
  return true;
}

void Quorum::deliver(const Message& message) {
  world_.trace.count("raft message", node_.id(), static_cast<std::int64_t>(message.body.index()),
                     message.from.node.value(), message.term.value());
  raft_->step(message, node_.clock().now());
}

void Quorum::on_unreachable(BrokerId node) { raft_->on_unreachable(node, node_.clock().now()); }

void Quorum::pump() {
  if (failed_) return;
  while (raft_->has_ready()) take(raft_->take_ready(node_.clock().now()));
  world_.watchers->quorum.check(node_.key());
  schedule_tick();
}

void Quorum::take(Ready ready) {
  world_.watchers->quorum.check_entries(node_.key(), ready.entries);
  world_.watchers->quorum.check(node_.key());
  for (const auto& message : ready.messages) send(message);
  ready.messages.clear();
  for (const auto& read : ready.reads) finish_read(read);
  if (ready.role_change) {
    world_.trace.note("raft role", node_.id(), static_cast<std::int64_t>(ready.role_change->role),
                      ready.role_change->term.value());
    world_.watchers->quorum.check_role(node_.key(), *ready.role_change);
    machine_.on_role_change(*ready.role_change, node_.clock().now());
  }
  unwritten_.push_back(std::move(ready));
  auto committed = std::move(unwritten_.back().committed);
  unwritten_.back().committed.clear();
  if (!committed.empty()) {
    for (const auto& entry : committed) world_.watchers->quorum.check_applied(node_.key(), entry);
    applied_ = committed.back().index;
    world_.trace.note("applied", node_.id(), applied_.value(), committed.back().checksum);
    machine_.apply(std::move(committed));
    snapshot_if_due();
  }
  start_write();
}

/// What has come in while the disk was at work shares its next turn.
void Quorum::start_write() {
  if (writing_ > 0 || unwritten_.empty()) return;
  writing_ = unwritten_.size();
  const auto needs_disk = [](const Ready& ready) {
    return ready.hard_state || ready.install || !ready.entries.empty() || !ready.snapshot_parts.empty();
  };
  const bool is_light = std::ranges::none_of(unwritten_, needs_disk);
  const auto time = is_light ? Duration{1} : node_.draw_sync_time();
  node_.after(time, [](Process& process) { process.quorum().finish_write(); });
}

void Quorum::finish_write() {
  std::vector<Ready> written(std::make_move_iterator(unwritten_.begin()),
                             std::make_move_iterator(unwritten_.begin() + static_cast<std::ptrdiff_t>(writing_)));
  unwritten_.erase(unwritten_.begin(), unwritten_.begin() + static_cast<std::ptrdiff_t>(writing_));
  writing_ = 0;
  for (auto& ready : written) {
    if (!write(ready)) {
      failed_ = true;
      return;
    }
    raft_->on_persisted(ready.number, node_.clock().now());
    for (const auto& message : ready.messages_after) send(message);
  }
  start_write();
}

bool Quorum::write(Ready& ready) {
  broker::raft::RaftStore::Work work{.hard_state = ready.hard_state,
                                     .parts = std::move(ready.snapshot_parts),
                                     .install = ready.install,
                                     .entries = std::move(ready.entries)};
  if (!work.hard_state && work.parts.empty() && !work.install && work.entries.empty()) return true;
  auto done = store_->write(std::move(work), node_.clock().wall());
  if (!done) return false;
  world_.watchers->quorum.check_disk(node_.key());
  if (done->is_snapshot_damaged) raft_->on_snapshot_damaged();
  if (!done->installed) return true;
  applied_ = ready.install->index;
  world_.watchers->quorum.check_installed(node_.key(), *ready.install);
  world_.trace.note("snapshot installed", node_.id(), applied_.value());
  return machine_.restore(*ready.install, std::move(*done->installed));
}

void Quorum::write_before_crash() {
  for (auto& ready : unwritten_) {
    broker::raft::RaftStore::Work work{.hard_state = ready.hard_state,
                                       .parts = std::move(ready.snapshot_parts),
                                       .install = ready.install,
                                       .entries = std::move(ready.entries)};
    if (!store_->write(std::move(work), node_.clock().wall())) return;
  }
}

void Quorum::send(const Message& message) {
  world_.watchers->quorum.check_message(message);
  const auto to = static_cast<HostId>(message.to.node.value());
  if (!world_.nodes.contains(to)) return;
  auto& target = world_.node(to);
  if (!world_.settings.encodes) {
    world_.network.tell(node_.id(), to, Line::quorum, [&target, message] {
      target.run([&](Process& process) { process.quorum().deliver(message); });
    });
    return;
  }
  world_.network.tell(node_.id(), to, Line::quorum, [&target, bytes = broker::raft::encode(message)] {
    const auto decoded = broker::raft::decode_message(as_byte_view(bytes));
    require(decoded.has_value(), "messages of the quorum survive their encoding", target.id());
    target.run([&](Process& process) { process.quorum().deliver(*decoded); });
  });
}

void Quorum::read() {
  const broker::raft::ReadTicket ticket{next_read_++};
  reads_.emplace(ticket, world_.watchers->quorum.commit_index());
  raft_->read(ticket, node_.clock().now());
}

void Quorum::finish_read(const broker::raft::ReadState& read) {
  const auto began = reads_.extract(read.ticket);
  if (!began.empty() && read.index) world_.watchers->quorum.check_read(node_.key(), began.mapped(), *read.index);
}

void Quorum::schedule_tick() {
  const auto due =
      world_.scheduler.now() + std::max<Duration>(node_.clock().until(raft_->next_deadline()), Duration{1000});
  if (tick_at_ <= due && tick_at_ >= world_.scheduler.now()) return;
  tick_at_ = due;
  node_.after(due - world_.scheduler.now(), [due](Process& process) {
    auto& quorum = process.quorum();
    if (quorum.tick_at_ == due) quorum.tick_at_ = Instant::max();
    quorum.raft_->tick(quorum.node_.clock().now());
  });
}

void Quorum::snapshot_if_due() {
  if (applied_ - store_->snapshot().index >= world_.settings.snapshot_entries) take_snapshot();
}

void Quorum::take_snapshot() {
  const auto index = applied_;
  if (failed_ || index <= store_->snapshot().index || raft_->log().durable_index() < index) return;
  const auto state = machine_.save()();
  const auto stored = store_->write_snapshot(raft_->describe_snapshot(index), state);
  if (!stored || !store_->adopt_snapshot(*stored, node_.clock().wall())) {
    failed_ = true;
    return;
  }
  world_.trace.note("snapshot stored", node_.id(), index.value(), static_cast<std::int64_t>(state.size()));
  raft_->on_snapshot_stored();
}

}  // namespace sluice::sim
