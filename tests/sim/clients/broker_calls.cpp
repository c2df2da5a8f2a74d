#include "tests/sim/clients/broker_calls.hpp"

#include <cstring>

#include "broker/api/error_map.hpp"
#include "protocol/record/batch_builder.hpp"
#include "protocol/record/record.hpp"
#include "tests/sim/invariants/watchers.hpp"
#include "tests/sim/node/node.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {

using broker::replication::PartitionKey;
using protocol::ErrorCode;

std::vector<std::byte> make_batch(const std::vector<Value>& values, std::int64_t producer_id, std::int32_t sequence,
                                  Timestamp now) {
  const bool idempotent = producer_id >= 0;
  record::BatchBuilder builder{{.producer_id = ProducerId{producer_id},
                                .producer_epoch = idempotent ? ProducerEpoch{0} : kNoProducerEpoch,
                                .base_sequence = idempotent ? sequence : -1}};
  for (const auto value : values) {
    std::array<std::byte, sizeof value> bytes;
    std::memcpy(bytes.data(), &value, sizeof value);
    builder.append({.timestamp = now, .value = ByteView{bytes}});
  }
  const auto built = builder.build();
  return {built.begin(), built.end()};
}

namespace {

void append(World& world, Node& node, const std::shared_ptr<broker::replication::Partition>& partition,
            LeaderEpoch leader_epoch, std::vector<std::byte> batch, bool acks_all,
            const Network::Reply<ProduceAnswer>& reply) {
  const auto refuse = [&](ErrorCode error) { reply({.error = error}); };
  node.process().replicas().touch();
  const auto parsed = record::MutableBatch::parse(batch);
  require(parsed.has_value(), "batches are whole", node.id());
  const auto appended = partition->append(*parsed, node.clock().wall());
  if (!appended) return refuse(broker::api::to_error_code(appended.error()));
  require(appended->duplicate || partition->is_leader(), "only leaders append", node.id(),
          partition->name().to_string(), appended->base_offset);
  if (!acks_all) return reply({.base_offset = appended->base_offset});
  const auto end = appended->last_offset + 1;
  world.watchers->replicas.note_waiting(node, *partition);
  auto acknowledge = [&world, &node, partition, reply, end, base = appended->base_offset](ErrorCode outcome) {
    world.watchers->replicas.note_answered(node, *partition);
    if (outcome == ErrorCode::none) world.watchers->replicas.check_acknowledged(node, *partition, end);
    reply({.error = outcome, .base_offset = outcome == ErrorCode::none ? base : kNoOffset});
  };
  partition->when_replicated(end, std::move(acknowledge), leader_epoch);
}

}  // namespace

void serve_produce(World& world, Node& node, const PartitionKey& key, std::vector<std::byte> batch, bool acks_all,
                   const Network::Reply<ProduceAnswer>& reply) {
  const auto refuse = [&](ErrorCode error) { reply({.error = error}); };
  if (!node.process().serves()) return refuse(ErrorCode::not_leader_or_follower);
  const auto partition = node.process().replicas().find(key);
  if (!partition) return refuse(ErrorCode::unknown_topic_or_partition);
  if (const auto error = partition->check_leadership(kNoLeaderEpoch); error != ErrorCode::none) return refuse(error);
  if (acks_all) {
    if (const auto error = partition->check_in_sync(); error != ErrorCode::none) return refuse(error);
  }
  // Threads of a broker: another may lead by the time that it appends.
  const auto leader_epoch = partition->leader_epoch();
  const auto delay = world.settings.append_delay;
  if (delay == Duration{0}) return append(world, node, partition, leader_epoch, std::move(batch), acks_all, reply);
  node.after(delay,
             [&world, &node, partition, leader_epoch, batch = std::move(batch), acks_all, reply](Process&) mutable {
               append(world, node, partition, leader_epoch, std::move(batch), acks_all, reply);
             });
}

ConsumeAnswer serve_consume(Node& node, const PartitionKey& key, LeaderEpoch current, Offset from,
                            std::size_t bytes_max) {
  if (!node.process().serves()) return {.error = ErrorCode::not_leader_or_follower};
  const auto partition = node.process().replicas().find(key);
  if (!partition) return {.error = ErrorCode::unknown_topic_or_partition};
  if (const auto error = partition->check_leadership(current); error != ErrorCode::none) return {.error = error};
  const auto end = partition->high_watermark();
  ConsumeAnswer answer{.next = from, .high_watermark = end};
  if (from < partition->log_start_offset() || from > partition->log_end_offset()) {
    answer.error = ErrorCode::offset_out_of_range;
    return answer;
  }
  if (from >= end) return answer;
  const auto slice = partition->log().read(from, bytes_max, end, true);
  if (!slice || (!slice->empty() && !partition->log().is_verified(*slice) && !partition->log().verify(*slice))) {
    answer.error = slice ? ErrorCode::corrupt_message : broker::api::to_error_code(slice.error());
    return answer;
  }
  if (slice->empty()) return answer;
  std::vector<std::byte> bytes(slice->size);
  if (!slice->read(bytes)) {
    answer.error = ErrorCode::kafka_storage_error;
    return answer;
  }
  for (record::BatchWalker walker{bytes}; const auto batch = walker.next();) {
    require(batch->crc_matches(), "no wrong byte is served", node.id(), partition->name().to_string(),
            batch->base_offset());
    for (record::RecordWalker records{batch->records(), batch->record_count()};;) {
      const auto record = records.next();
      if (!record || !*record) break;
      Value value = 0;
      const auto offset = batch->base_offset() + (*record)->offset_delta;
      if (offset < from || !(*record)->value || (*record)->value->size() != sizeof value) continue;
      std::memcpy(&value, (*record)->value->data(), sizeof value);
      answer.records.push_back({offset, value});
    }
    answer.next = batch->next_offset();
  }
  return answer;
}

}  // namespace sluice::sim
