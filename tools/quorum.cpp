#include "tools/quorum.hpp"

#include "tools/cluster_client.hpp"

namespace sluice::tools {

using protocol::ErrorCode;

Outcome<protocol::DescribeQuorumResponse::PartitionData> describe_quorum(ClusterClient& cluster) {
  protocol::DescribeQuorumRequest request;
  request.topics.emplace_back().topic_name = "__cluster_metadata";
  request.topics.back().partitions.emplace_back();
  auto answer = cluster.call<protocol::DescribeQuorum>(request);
  if (!answer) return answer.error();
  const auto refuse = [&](ErrorCode code, const std::optional<std::string>& message) {
    return cluster.refusal(code, "the metadata quorum", "describe", message);
  };
  if (answer->error_code != ErrorCode::none) return refuse(answer->error_code, answer->error_message);
  if (answer->topics.empty() || answer->topics.front().partitions.empty()) {
    return refuse(ErrorCode::unknown_topic_or_partition, {});
  }
  auto& quorum = answer->topics.front().partitions.front();
  if (quorum.error_code != ErrorCode::none) return refuse(quorum.error_code, quorum.error_message);
  return std::move(quorum);
}

}  // namespace sluice::tools
