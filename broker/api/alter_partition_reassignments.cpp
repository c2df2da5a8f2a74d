#include "protocol/messages/alter_partition_reassignments.hpp"

#include <algorithm>

#include "broker/api/handler.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using controller::MetadataImage;
using protocol::AlterPartitionReassignmentsRequest;
using protocol::AlterPartitionReassignmentsResponse;
using protocol::ErrorCode;
using Wanted = AlterPartitionReassignmentsRequest::ReassignablePartition;
using Answer = AlterPartitionReassignmentsResponse::ReassignablePartitionResponse;

void refuse(Answer& answer, ErrorCode error, const char* message) {
  answer.error_code = error;
  answer.error_message = message;
}

/// Only what changes nothing is possible: the replicas that there are, in whatever order.
Answer judge(const MetadataImage& image, const std::string& topic, const Wanted& wanted) {
  Answer answer;
  answer.error_message.reset();
  answer.partition_index = wanted.partition_index;
  const auto* partition = image.find_partition(topic, wanted.partition_index);
  if (partition == nullptr) {
    refuse(answer, ErrorCode::unknown_topic_or_partition, "There is no such partition.");
  } else if (!wanted.replicas) {
    refuse(answer, ErrorCode::no_reassignment_in_progress, "The partition is not being reassigned.");
  } else if (!std::is_permutation(wanted.replicas->begin(), wanted.replicas->end(), partition->replicas.begin(),
                                  partition->replicas.end())) {
    refuse(answer, ErrorCode::invalid_replica_assignment, "Replicas can't be moved between brokers.");
  }
  return answer;
}

}  // namespace

/// Api key 45 (KIP-455). Kafka's reassignment tool asks for it before it moves partitions between directories.
template <>
void handle<protocol::AlterPartitionReassignments>(AlterPartitionReassignmentsRequest& request, RequestContext& context,
                                                   Respond<AlterPartitionReassignmentsResponse> respond) {
  const auto image = context.services.images.image();
  AlterPartitionReassignmentsResponse response;
  response.error_message.reset();
  response.allow_replication_factor_change = request.allow_replication_factor_change;
  for (const auto& topic : request.topics) {
    auto& answer = response.responses.emplace_back();
    answer.name = topic.name;
    for (const auto& partition : topic.partitions) {
      answer.partitions.push_back(judge(*image, topic.name, partition));
    }
  }
  respond(response);
}

}  // namespace sluice::broker::api
