#pragma once

#include "protocol/messages/fetch.hpp"
#include "protocol/messages/list_offsets.hpp"
#include "protocol/messages/produce.hpp"
#include "tests/integration/test_broker.hpp"

namespace sluice::test {

inline constexpr std::int16_t kProduceByName = 12;  // the newest versions that name topics
inline constexpr std::int16_t kFetchByName = 12;

/// A Produce request for partition 0 of `topic`, whose records point into `batch`.
protocol::ProduceRequest produce_request(const std::string& topic, Bytes& batch, std::int16_t acks = -1);

/// What partition 0 of the answer says.
protocol::ProduceResponse::PartitionProduceResponse produce(client::WireConnection& connection,
                                                            const std::string& topic, Bytes batch,
                                                            std::int16_t acks = -1,
                                                            std::int16_t version = kProduceByName);

struct FetchOptions {
  std::int32_t min_bytes = 1;
  std::int32_t max_wait_ms = 0;
  std::int32_t max_bytes = 50 << 20;
  std::int32_t partition_max_bytes = 50 << 20;
  bool read_committed = false;
};
protocol::FetchRequest fetch_request(const std::string& topic, Offset from, const FetchOptions& options = {},
                                     std::int32_t partitions = 1);

/// One partition of a Fetch answer, with records of its own.
struct Fetched {
  int error = 0;
  Offset high_watermark;
  Offset log_start_offset;
  std::optional<std::size_t> aborted_transactions;
  Bytes records;

  std::vector<Offset> base_offsets() const;
  std::vector<std::string> values() const;
};
std::vector<Fetched> fetched(const protocol::FetchResponse& response);
Fetched fetch(client::WireConnection& connection, const std::string& topic, Offset from,
              const FetchOptions& options = {}, std::int16_t version = kFetchByName);

/// The offset of `timestamp`: -1 the latest, -2 the earliest.
Offset list_offset(client::WireConnection& connection, const std::string& topic, std::int64_t timestamp);

/// The id of a new idempotent producer.
ProducerId new_producer(client::WireConnection& connection);

/// Deletes what lies before `offset` in partition 0; returns the error.
int delete_records(client::WireConnection& connection, const std::string& topic, Offset offset);

}  // namespace sluice::test
