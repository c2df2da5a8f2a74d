#include <algorithm>

#include "broker/controller/controller_request.hpp"
#include "tests/sim/simulation.hpp"

// What clients and administrators of a simulated cluster do.

namespace sluice::sim {

using namespace broker::controller;
using protocol::ErrorCode;

void Simulation::submit(HostId via, ControllerRequest request, std::function<void(ControllerResponse*)> done) {
  auto& node = world_->node(via);
  world_->network.call<ControllerResponse>(
      admin_, via, Line::admin, world_->settings.request_timeout + 1s,
      [this, &node, request = std::move(request)](Network::Reply<ControllerResponse> reply) {
        node.run(
            [&](Process& process) { process.controller().submit(request, world_->settings.request_timeout, reply); });
      },
      [done = std::move(done)](CallError, ControllerResponse* response) { done(response); });
}

void Simulation::create_topic(const std::string& name, int partitions, bool lossy) {
  protocol::CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = partitions;
  topic.replication_factor = static_cast<std::int16_t>(world_->settings.replication);
  const auto set = [&](const char* key, std::string value) {
    auto& config = topic.configs.emplace_back();
    config.name = key;
    config.value = std::move(value);
  };
  set("min.insync.replicas", std::to_string(world_->settings.min_in_sync));
  set("segment.bytes", std::to_string(std::max(world_->settings.segment_bytes, world_->settings.segment_bytes_min)));
  set("segment.index.bytes", "480");
  set("index.interval.bytes", "256");
  if (world_->settings.durability == broker::config::Durability::fsync) set("flush.messages", "1");
  if (lossy) set("unclean.leader.election.enable", "true");
  const auto try_once = [this, request](auto& self, const std::string& topic_name, bool is_lossy) -> void {
    const auto via = static_cast<HostId>(1 + random_.roll(world_->settings.nodes));
    submit(via, {.body = request}, [this, self, topic_name, is_lossy](ControllerResponse* response) {
      const auto* found = world_->watchers->metadata.latest().find_topic(topic_name);
      if (response == nullptr || found == nullptr) {
        world_->scheduler.after(500ms, [self, topic_name, is_lossy] { self(self, topic_name, is_lossy); });
        return;
      }
      // The one that was there before, which may be about to be deleted.
      if (std::ranges::any_of(topics_, [&](const Topic& known) { return known.id == found->id; })) return;
      Topic topic{.name = topic_name,
                  .id = found->id,
                  .lossy = is_lossy,
                  .partitions = static_cast<int>(found->partitions.size())};
      if (is_lossy) world_->watchers->replicas.allow_loss(topic.id);
      topics_.push_back(topic);
      ++counts_["topic created"];
      assign_targets();
    });
  };
  try_once(try_once, name, lossy);
}

std::vector<Target> Simulation::targets_of(const Topic& topic) const {
  std::vector<Target> targets;
  for (int i = 0; i < topic.partitions; ++i) {
    targets.push_back({.partition = {topic.id, PartitionId{i}},
                       .key = topic.name + "@" + topic.id.to_string().substr(0, 6) + "-" + std::to_string(i)});
  }
  return targets;
}

/// Who writes what: a key's promises rest on it.
void Simulation::assign_targets() {
  for (auto& producer : producers_) {
    std::vector<Target> targets;
    for (const auto& topic : topics_) {
      if (topic.deleted) continue;
      const auto kind = topic.name.starts_with("clean-")   ? ProducerKind::idempotent
                        : topic.name.starts_with("plain-") ? ProducerKind::acks_all
                                                           : ProducerKind::acks_one;
      if (kind != producer->kind()) continue;
      const auto more = targets_of(topic);
      targets.insert(targets.end(), more.begin(), more.end());
    }
    producer->set_targets(std::move(targets));
  }
  for (auto& consumer : consumers_) {
    for (const auto& topic : topics_) {
      if (!topic.deleted) consumer->set_targets(targets_of(topic));
    }
  }
}

void Simulation::give_producer_id(Producer& producer) {
  const auto via = static_cast<HostId>(1 + random_.roll(world_->settings.nodes));
  protocol::AllocateProducerIdsRequest request;
  request.broker_id = BrokerId{via};
  const auto* broker = world_->watchers->metadata.latest().find_broker(BrokerId{via});
  request.broker_epoch = broker == nullptr ? -1 : broker->epoch.value();
  submit(via, {.body = request}, [this, &producer](ControllerResponse* response) {
    const auto* given =
        response == nullptr ? nullptr : std::get_if<protocol::AllocateProducerIdsResponse>(&response->body);
    if (given != nullptr && given->error_code == ErrorCode::none) {
      world_->watchers->metadata.check_producer_ids(given->producer_id_start.value(), given->producer_id_len);
      return producer.set_producer_id(given->producer_id_start.value());
    }
    world_->scheduler.after(300ms, [this, &producer] { give_producer_id(producer); });
  });
}

void Simulation::start_clients() {
  const auto add = [&](ProducerKind kind) {
    producers_.push_back(std::make_unique<Producer>(*world_, add_client(), kind, history_));
    producers_.back()->run(produce_interval_);
  };
  add(ProducerKind::idempotent);
  add(ProducerKind::idempotent);
  add(ProducerKind::acks_all);
  add(ProducerKind::acks_one);
  for (auto& producer : producers_) {
    if (producer->kind() == ProducerKind::idempotent) give_producer_id(*producer);
  }
  for (int i = 0; i < 2; ++i) {
    consumers_.push_back(std::make_unique<Consumer>(*world_, add_client(), history_, false));
    consumers_.back()->run(i == 0 ? Duration{700ms} : Duration{2500ms});
  }
  assign_targets();
}

void Simulation::administer() {
  const bool is_busy = administer_interval_ > Duration{0};
  const auto wait = is_busy ? random_.within(administer_interval_ * 2) : random_.between(5s, 60s);
  world_->scheduler.after(wait, [this, is_busy] {
    if (is_healed_) return;
    if (is_busy && random_.percent(80)) {
      write_command_somewhere();
      return administer();
    }
    const auto choice = random_.roll(10);
    if (choice < 2 && topics_.size() < 6) {
      const auto kind = random_.one_of<const char*>({"clean-", "plain-", "lossy-"});
      create_topic(kind + std::to_string(100 + random_.roll(3)), 1, std::string{kind} == "lossy-");
    } else if (choice < 3) {
      delete_topic();
    } else if (choice < 5) {
      create_partitions();
    } else {
      elect_leaders();
    }
    administer();
  });
}

void Simulation::write_command_somewhere() {
  write_command(static_cast<HostId>(1 + random_.roll(world_->settings.nodes)));
}

void Simulation::write_command(HostId via) {
  const auto* broker = world_->watchers->metadata.latest().find_broker(BrokerId{via});
  if (broker == nullptr) return;
  protocol::AllocateProducerIdsRequest request;
  request.broker_id = broker->id;
  request.broker_epoch = broker->epoch.value();
  submit(via, {.body = request}, [this](ControllerResponse* response) {
    const auto* given =
        response == nullptr ? nullptr : std::get_if<protocol::AllocateProducerIdsResponse>(&response->body);
    if (given == nullptr || given->error_code != ErrorCode::none) return;
    world_->watchers->metadata.check_producer_ids(given->producer_id_start.value(), given->producer_id_len);
  });
}

/// Somebody who wants to know of the metadata as they are, asks any node.
void Simulation::read_metadata() {
  world_->scheduler.after(random_.within(read_interval_ * 2), [this] {
    auto& node = world_->node(static_cast<HostId>(1 + random_.roll(world_->settings.nodes)));
    if (!node.is_paused()) node.run([](Process& process) { process.quorum().read(); });
    if (!is_healed_) read_metadata();
  });
}

void Simulation::delete_topic() {
  if (topics_.size() < 2) return;
  auto& topic = topics_[1 + random_.index(topics_.size() - 1)];
  if (topic.deleted) return;
  topic.deleted = true;  // from the first attempt on nothing is promised
  ++counts_["topic deleted"];
  for (const auto& target : targets_of(topic)) {
    for (auto& producer : producers_) producer->give_up(target.key);
    for (auto& consumer : consumers_) consumer->give_up(target.key);
  }
  assign_targets();
  protocol::DeleteTopicsRequest request;
  request.topics.emplace_back().topic_id = topic.id;
  submit(static_cast<HostId>(1 + random_.roll(world_->settings.nodes)), {.body = request}, [](ControllerResponse*) {});
}

void Simulation::create_partitions() {
  if (topics_.empty()) return;
  const auto& topic = random_.pick(topics_);
  if (topic.deleted || topic.partitions >= 4) return;
  protocol::CreatePartitionsRequest request;
  auto& wanted = request.topics.emplace_back();
  wanted.name = topic.name;
  wanted.count = topic.partitions + 1;
  submit(static_cast<HostId>(1 + random_.roll(world_->settings.nodes)), {.body = request},
         [this, id = topic.id](ControllerResponse*) {
           const auto* found = world_->watchers->metadata.latest().find_topic(id);
           for (auto& known : topics_) {
             if (known.id == id && found != nullptr) known.partitions = static_cast<int>(found->partitions.size());
           }
           assign_targets();
         });
}

void Simulation::elect_leaders() {
  protocol::ElectLeadersRequest request;
  request.election_type = 0;
  request.topic_partitions.reset();
  ++counts_["leaders elected by hand"];
  submit(static_cast<HostId>(1 + random_.roll(world_->settings.nodes)), {.body = request}, [](ControllerResponse*) {});
}

}  // namespace sluice::sim
