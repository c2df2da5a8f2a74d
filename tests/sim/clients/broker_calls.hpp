#pragma once

#include <cstddef>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition_key.hpp"
#include "protocol/error_code.hpp"
#include "tests/sim/clients/history.hpp"
#include "tests/sim/node/process.hpp"
#include "tests/sim/world/network.hpp"

namespace sluice::sim {

// What clients ask of a broker, served as the handlers of Kafka's APIs serve it (broker/api/produce.cpp, fetch.cpp).

struct ProduceAnswer {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  Offset base_offset = kNoOffset;
};
void serve_produce(World& world, Node& node, const broker::replication::PartitionKey& key, std::vector<std::byte> batch,
                   bool acks_all, const Network::Reply<ProduceAnswer>& reply);

struct ConsumeAnswer {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  std::vector<Polled> records{};
  Offset next = kNoOffset;  ///< where to go on
  Offset high_watermark = kNoOffset;
};
/// Below the high watermark, at most about `bytes_max`.
ConsumeAnswer serve_consume(Node& node, const broker::replication::PartitionKey& key, LeaderEpoch current, Offset from,
                            std::size_t bytes_max);

/// A batch of one record for each value.
std::vector<std::byte> make_batch(const std::vector<Value>& values, std::int64_t producer_id, std::int32_t sequence,
                                  Timestamp now);

}  // namespace sluice::sim
