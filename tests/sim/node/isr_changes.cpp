#include "tests/sim/node/isr_changes.hpp"

#include "broker/controller/controller_request.hpp"
#include "tests/sim/node/node.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {

using namespace broker::controller;
using namespace broker::replication;
using protocol::ErrorCode;

namespace {

constexpr Duration kRetryInterval = 100ms;

/// No verdict: the outcome is unknown.
bool is_no_answer(ErrorCode error) {
  return error == ErrorCode::not_controller || error == ErrorCode::request_timed_out ||
         error == ErrorCode::network_exception || error == ErrorCode::unknown_server_error;
}

}  // namespace

void IsrChanges::set_broker_epoch(BrokerEpoch epoch) {
  broker_epoch_ = epoch;
  send();
}

void IsrChanges::want(const PartitionPtr& partition) {
  wanted_.emplace(PartitionKey{partition->topic_id(), partition->name().partition}, partition);
  send();
}

void IsrChanges::send() {
  if (!asked_.empty() || waits_ || broker_epoch_ == kNoBrokerEpoch) return;
  AlterPartitionRequest request{.broker = node_.broker_id(), .broker_epoch = broker_epoch_, .changes = {}};
  for (auto& [key, partition] : std::exchange(wanted_, {})) {
    auto change = partition->take_isr_change(node_.clock().point());
    if (!change) continue;
    asked_.emplace(key, partition);
    request.changes.push_back(std::move(*change));
  }
  if (asked_.empty()) return;
  node_.process().controller().submit(
      {.body = std::move(request)}, world_.settings.request_timeout,
      [this](ControllerResponse response) { take(std::get<AlterPartitionResponse>(response.body)); });
}

void IsrChanges::take(const AlterPartitionResponse& response) {
  node_.process().replicas().touch();  // what is answered moves high watermarks
  if (response.error_code != ErrorCode::none) {
    fail();
    return;
  }
  bool refused = false;
  for (const auto& item : response.items) {
    const auto found = asked_.find({item.topic_id, item.partition});
    if (found == asked_.end()) continue;
    const auto partition = found->second;
    asked_.erase(found);
    world_.trace.note("isr change answered", node_.id(), partition->name().partition.value(),
                      static_cast<std::int64_t>(item.error_code), item.now.partition_epoch.value());
    if (is_no_answer(item.error_code)) {
      partition->on_isr_failed(true);
      refused = true;
      wanted_.emplace(PartitionKey{partition->topic_id(), partition->name().partition}, partition);
    } else {
      partition->on_isr_response(item, node_.clock().point());
    }
  }
  if (!asked_.empty()) return fail();
  if (refused) retry_later();
  send();
}

/// Whatever is said in the end: an attempt before it may have been written down (as IsrChangeDriver has it).
void IsrChanges::fail() {
  for (const auto& [key, partition] : std::exchange(asked_, {})) {
    partition->on_isr_failed(true);
    wanted_.emplace(key, partition);
  }
  retry_later();
}

void IsrChanges::retry_later() {
  waits_ = true;
  node_.after(kRetryInterval, [this](Process&) {
    waits_ = false;
    send();
  });
}

void IsrChanges::check_later() {
  node_.after(world_.settings.lag_max / 2, [this](Process& process) {
    process.replica_fetches().note_idle();
    process.replicas().touch();
    process.replicas().for_each([this](const PartitionPtr& partition) {
      if (partition->is_leader()) partition->check_isr(node_.clock().point());
    });
    check_later();
  });
}

}  // namespace sluice::sim
