#include "protocol/messages/produce.hpp"

#include <algorithm>
#include <memory>

#include "broker/api/awaited_produce.hpp"
#include "broker/api/error_map.hpp"
#include "broker/api/handler.hpp"
#include "broker/api/produce_rules.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/metrics/broker_metrics.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/server/io_thread.hpp"
#include "broker/services.hpp"
#include "broker/wall_clock.hpp"
#include "protocol/record/batch_validator.hpp"

namespace sluice::broker::api {
namespace {

using protocol::ErrorCode;
using protocol::ProduceRequest;
using protocol::ProduceResponse;
using replication::Partition;
using PartitionAnswer = ProduceResponse::PartitionProduceResponse;

constexpr std::int16_t kAcksAll = -1;

/// One Produce request while it is appended.
class ProduceCall {
 public:
  ProduceCall(ProduceRequest& request, RequestContext& context)
      : request_(request), context_(context), by_topic_id_(context.api_version >= 13), now_(wall_clock_now()) {}

  void append_all() {
    for (std::size_t topic = 0; topic < request_.topic_data.size(); ++topic) {
      auto& data = request_.topic_data[topic];
      auto& answer = response_.responses.emplace_back();
      answer.name = data.name;
      answer.topic_id = data.topic_id;
      for (auto& partition : data.partition_data) {
        answer.partition_responses.push_back(append(topic, answer.partition_responses.size(), data, partition));
      }
    }
  }

  void answer(Respond<ProduceResponse> respond) {
    if (request_.acks == 0) {
      // With no answer to carry an error, closing is how the producer learns to refresh its metadata.
      return failed_ ? respond.close_connection() : respond.nothing();
    }
    if (request_.acks != kAcksAll || appended_.empty()) return respond(response_);
    auto& thread = context_.io_thread;
    const std::chrono::milliseconds timeout{std::max(request_.timeout_ms, 0)};
    const auto awaited = std::make_shared<AwaitedProduce>(std::move(response_), std::move(respond), thread);
    awaited->start(std::move(appended_), timeout);
  }

 private:
  PartitionAnswer append(std::size_t topic, std::size_t index, const ProduceRequest::TopicProduceData& data,
                         ProduceRequest::PartitionProduceData& records) {
    PartitionAnswer answer;
    answer.index = records.index;
    answer.base_offset = kNoOffset;
    const PartitionId id{records.index};
    auto& partitions = context_.services.partitions;
    const auto partition = by_topic_id_ ? partitions.find(data.topic_id, id) : partitions.find(data.name, id);
    if (request_.acks < kAcksAll || request_.acks > 1) return refuse(answer, ErrorCode::invalid_required_acks);
    if (!partition) {
      return refuse(answer, unknown_partition_error(*context_.services.images.image(), data.name, data.topic_id, id,
                                                    by_topic_id_, context_.services.settings.node_id));
    }
    if (const auto error = partition->check_leadership(kNoLeaderEpoch); error != ErrorCode::none) {
      if (context_.api_version >= 10) {  // KIP-951
        answer.current_leader.leader_id = partition->leader();
        answer.current_leader.leader_epoch = partition->leader_epoch();
      }
      return refuse(answer, error);
    }
    if (controller::is_internal_topic(partition->name().topic) && context_.client_id != kAdminClientId) {
      return refuse(answer, ErrorCode::invalid_topic_exception);
    }
    if (partition->log().is_out_of_space()) {
      answer.error_message = "The disk of the partition's data directory is full.";
      return refuse(answer, ErrorCode::kafka_storage_error);
    }
    if (request_.acks == kAcksAll) {
      if (const auto error = partition->check_in_sync(); error != ErrorCode::none) return refuse(answer, error);
    }
    const auto leader_epoch = partition->leader_epoch();
    append(*partition, records.records.bytes(), answer);
    if (answer.error_code == ErrorCode::none && request_.acks == kAcksAll) {
      appended_.push_back({partition, topic, index, end_, leader_epoch});
    }
    return answer;
  }

  void append(Partition& partition, MutableBytes records, PartitionAnswer& answer) {
    static thread_local record::BatchValidator validator;
    const auto settings = partition.settings();
    auto valid = validator.validate(records, produce_rules(*settings, context_.api_version), now_);
    if (!valid) return reject(valid.error(), answer);
    if (valid->batch.is_transactional()) {
      // No transaction can be open: transactional ids are not served, see init_producer_id.cpp.
      refuse(answer, request_.transactional_id ? ErrorCode::invalid_txn_state
                                               : ErrorCode::transactional_id_authorization_failed);
      return;
    }
    const auto appended = partition.append(valid->batch, now_);
    if (!appended) {
      refuse(answer, to_error_code(appended.error()));
      return;
    }
    if (!appended->duplicate) context_.services.metrics.produced_bytes_total.add(records.size());
    end_ = appended->last_offset + 1;
    answer.base_offset = appended->base_offset;
    answer.log_start_offset = partition.log_start_offset();
    if (settings->message_timestamp_type == record::TimestampType::log_append_time) answer.log_append_time_ms = now_;
  }

  PartitionAnswer refuse(PartitionAnswer& answer, ErrorCode error) {
    answer.error_code = error;
    failed_ = true;
    return answer;
  }

  void reject(record::Rejection rejection, PartitionAnswer& answer) {
    refuse(answer, to_error_code(rejection.reason));
    answer.error_message = std::move(rejection.message);
    for (auto& error : rejection.record_errors) {
      auto& named = answer.record_errors.emplace_back();
      named.batch_index = error.batch_index;
      named.batch_index_error_message = std::move(error.message);
    }
  }

  static constexpr std::string_view kAdminClientId = "__admin_client";

  ProduceRequest& request_;
  RequestContext& context_;
  const bool by_topic_id_;
  const Timestamp now_;
  ProduceResponse response_;
  std::vector<AwaitedProduce::Appended> appended_;
  Offset end_{0};  // of the batch appended last
  bool failed_ = false;
};

}  // namespace

/// API 0. Validates each partition's batch and appends it where it lies in the receive buffer; acks=all is answered
/// when the records are as safe as `sluice.durability` says.
template <>
void handle<protocol::Produce>(ProduceRequest& request, RequestContext& context, Respond<ProduceResponse> respond) {
  ProduceCall call{request, context};
  call.append_all();
  call.answer(std::move(respond));
}

}  // namespace sluice::broker::api
