#include "tests/sim/node/fetchers.hpp"

#include "broker/replication/replica_progress.hpp"
#include "tests/sim/node/node.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {

using namespace broker::replication;

namespace {

constexpr Duration kBackOff = 50ms;
constexpr std::size_t kProgressItems = 1000;

}  // namespace

void Fetchers::apply(const broker::controller::MetadataDelta& delta) {
  for (const auto& change : delta.topics) {
    const auto& topic = change.after ? *change.after : *change.before;
    for (const auto& image : topic.partitions) {
      const PartitionKey key{topic.id, image.partition};
      const auto partition = change.after ? node_.process().replicas().find(key) : nullptr;
      const auto leader = partition && image.leader != node_.broker_id() ? image.leader : kNoBroker;
      for (auto& [id, fetcher] : fetchers_) {
        if (id != leader) fetcher->fetch.remove(key);
      }
      if (leader == kNoBroker) continue;
      auto& fetcher = fetchers_[leader];
      if (!fetcher) {
        auto options = world_.settings.fetch;
        options.self = node_.broker_id();
        fetcher = std::make_unique<Fetcher>(leader, options);
      }
      fetcher->fetch.add(partition);
    }
  }
  std::vector<BrokerId> leaders;
  for (const auto& [id, fetcher] : fetchers_) leaders.push_back(id);
  for (const auto leader : leaders) go_on(leader);
}

void Fetchers::set_broker_epoch(broker::controller::BrokerEpoch epoch) {
  broker_epoch_ = epoch;
  std::vector<BrokerId> leaders;
  for (const auto& [id, fetcher] : fetchers_) leaders.push_back(id);
  for (const auto leader : leaders) go_on(leader);
}

void Fetchers::note_synced(const Partition& partition) {
  for (auto& [leader, fetcher] : fetchers_) {
    fetcher->fetch.note_synced({partition.topic_id(), partition.name().partition});
    tell_progress(leader, *fetcher);
  }
}

void Fetchers::go_on(BrokerId leader) {
  const auto found = fetchers_.find(leader);
  if (found == fetchers_.end()) return;
  auto& fetcher = *found->second;
  tell_progress(leader, fetcher);
  if (broker_epoch_ == broker::controller::kNoBrokerEpoch || fetcher.waits) return;
  while (const auto request = fetcher.fetch.next_request(broker_epoch_, node_.clock().point())) {
    ask(leader, fetcher, *request);
  }
  const auto deadline = fetcher.fetch.next_deadline();
  if (!deadline) return;
  const auto due =
      world_.scheduler.now() + std::max<Duration>(node_.clock().until(deadline->time_since_epoch()), Duration{1000});
  if (fetcher.wake_at <= due && fetcher.wake_at >= world_.scheduler.now()) return;
  fetcher.wake_at = due;
  node_.after(due - world_.scheduler.now(), [this, leader, due](Process&) {
    const auto at = fetchers_.find(leader);
    if (at == fetchers_.end()) return;
    if (at->second->wake_at == due) at->second->wake_at = Instant::max();
    go_on(leader);
  });
}

void Fetchers::ask(BrokerId leader, Fetcher& fetcher, const protocol::FetchRequest& request) {
  const auto connection = fetcher.connection;
  if (!world_.nodes.contains(leader.value())) return;
  auto& target = world_.node(leader.value());
  world_.network.call<FetchAnswer>(
      node_.id(), target.id(), Line::fetch, world_.settings.fetch_timeout + world_.settings.fetch.wait_max,
      [&target, request](Network::Reply<FetchAnswer> reply) {
        target.run([&](Process& process) { process.replica_fetches().serve(request, reply); });
      },
      [this, leader, connection](CallError, FetchAnswer* answer) {
        node_.run([&](Process&) { on_answer(leader, connection, answer); });
      });
}

void Fetchers::on_answer(BrokerId leader, std::uint64_t connection, FetchAnswer* answer) {
  const auto found = fetchers_.find(leader);
  if (found == fetchers_.end() || found->second->connection != connection) return;
  auto& fetcher = *found->second;
  if (answer == nullptr) {
    fetcher.fetch.on_failure();
    ++fetcher.connection;
    return back_off(leader, fetcher);
  }
  node_.process().replicas().touch();
  const auto good = fetcher.fetch.on_response(*answer->response, node_.clock().point(), node_.clock().wall());
  if (!good) return back_off(leader, fetcher);
  go_on(leader);
}

void Fetchers::back_off(BrokerId leader, Fetcher& fetcher) {
  fetcher.waits = true;
  node_.after(kBackOff, [this, leader](Process&) {
    const auto found = fetchers_.find(leader);
    if (found == fetchers_.end()) return;
    found->second->waits = false;
    go_on(leader);
  });
}

void Fetchers::tell_progress(BrokerId leader, Fetcher& fetcher) {
  if (broker_epoch_ == broker::controller::kNoBrokerEpoch || !fetcher.fetch.has_progress()) return;
  ReplicaProgress progress{.replica = node_.broker_id(),
                           .broker_epoch = broker_epoch_,
                           .items = fetcher.fetch.take_progress(kProgressItems)};
  if (progress.items.empty() || !world_.nodes.contains(leader.value())) return;
  auto& target = world_.node(leader.value());
  // Behind the requests of its connection, as FetcherDriver has it.
  world_.network.tell(node_.id(), target.id(), Line::fetch, [&target, bytes = encode(progress)] {
    target.run([&](Process& process) { process.replica_fetches().take_progress(as_byte_view(bytes)); });
  });
}

}  // namespace sluice::sim
