#include "tests/integration/records.hpp"

#include "protocol/messages/delete_records.hpp"
#include "protocol/messages/init_producer_id.hpp"
#include "protocol/record/batch_view.hpp"
#include "protocol/record/record_stream.hpp"

namespace sluice::test {

protocol::ProduceRequest produce_request(const std::string& topic, Bytes& batch, std::int16_t acks) {
  protocol::ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = 10'000;
  auto& data = request.topic_data.emplace_back();
  data.name = topic;
  data.partition_data.emplace_back().records = wire::Records::view(batch);
  return request;
}

protocol::ProduceResponse::PartitionProduceResponse produce(client::WireConnection& connection,
                                                            const std::string& topic, Bytes batch, std::int16_t acks,
                                                            std::int16_t version) {
  return ask<protocol::Produce>(connection, produce_request(topic, batch, acks), version)
      .responses.at(0)
      .partition_responses.at(0);
}

protocol::FetchRequest fetch_request(const std::string& topic, Offset from, const FetchOptions& options,
                                     std::int32_t partitions) {
  protocol::FetchRequest request;
  request.min_bytes = options.min_bytes;
  request.max_wait_ms = options.max_wait_ms;
  request.max_bytes = options.max_bytes;
  request.isolation_level = options.read_committed ? 1 : 0;
  auto& asked = request.topics.emplace_back();
  asked.topic = topic;
  for (std::int32_t i = 0; i < partitions; ++i) {
    auto& partition = asked.partitions.emplace_back();
    partition.partition = PartitionId{i};
    partition.fetch_offset = from;
    partition.partition_max_bytes = options.partition_max_bytes;
  }
  return request;
}

std::vector<Offset> Fetched::base_offsets() const {
  std::vector<Offset> offsets;
  for (record::BatchWalker walker{records}; const auto batch = walker.next();) offsets.push_back(batch->base_offset());
  return offsets;
}

std::vector<std::string> Fetched::values() const {
  std::vector<std::string> values;
  record::RecordStream stream;
  for (record::BatchWalker walker{records}; const auto batch = walker.next();) {
    REQUIRE(stream.start(*batch, std::size_t{64} << 20).has_value());
    for (;;) {
      const auto next = stream.next();
      REQUIRE(next.has_value());
      if (!*next) break;
      const auto value = (*next)->value.value_or(ByteView{});
      values.emplace_back(reinterpret_cast<const char*>(value.data()), value.size());
    }
  }
  return values;
}

std::vector<Fetched> fetched(const protocol::FetchResponse& response) {
  std::vector<Fetched> all;
  for (const auto& topic : response.responses) {
    for (const auto& data : topic.partitions) {
      const auto bytes = data.records.bytes();
      auto& one = all.emplace_back();
      one.error = number(data.error_code);
      one.high_watermark = data.high_watermark;
      one.log_start_offset = data.log_start_offset;
      if (data.aborted_transactions) one.aborted_transactions = data.aborted_transactions->size();
      one.records.assign(bytes.begin(), bytes.end());
    }
  }
  return all;
}

Fetched fetch(client::WireConnection& connection, const std::string& topic, Offset from, const FetchOptions& options,
              std::int16_t version) {
  return fetched(ask<protocol::Fetch>(connection, fetch_request(topic, from, options), version)).at(0);
}

Offset list_offset(client::WireConnection& connection, const std::string& topic, std::int64_t timestamp) {
  protocol::ListOffsetsRequest request;
  auto& asked = request.topics.emplace_back();
  asked.name = topic;
  asked.partitions.emplace_back().timestamp = Timestamp{timestamp};
  const auto found = ask<protocol::ListOffsets>(connection, request).topics.at(0).partitions.at(0);
  REQUIRE(number(found.error_code) == 0);
  return found.offset;
}

ProducerId new_producer(client::WireConnection& connection) {
  protocol::InitProducerIdRequest request;
  request.transactional_id.reset();
  const auto answer = ask<protocol::InitProducerId>(connection, request, 4);
  REQUIRE(number(answer.error_code) == 0);
  return answer.producer_id;
}

int delete_records(client::WireConnection& connection, const std::string& topic, Offset offset) {
  protocol::DeleteRecordsRequest request;
  auto& asked = request.topics.emplace_back();
  asked.name = topic;
  asked.partitions.emplace_back().offset = offset;
  return number(ask<protocol::DeleteRecords>(connection, request).topics.at(0).partitions.at(0).error_code);
}

}  // namespace sluice::test
