#include "protocol/error_code.hpp"

#include <array>
#include <ostream>

namespace sluice::protocol {

namespace {

struct Text {
  std::string_view name;
  std::string_view message;
};

constexpr int kFirst = static_cast<int>(kErrorCodeMin);

/// By number, from kErrorCodeMin on.
constexpr std::array kTexts{
    Text{"unknown_server_error", "unexpected failure on the server"},
    Text{"none", "no error"},
    Text{"offset_out_of_range", "the offset lies outside the partition's log"},
    Text{"corrupt_message", "the records are damaged: checksum, size or key do not fit"},
    Text{"unknown_topic_or_partition", "this server does not host that topic or partition"},
    Text{"invalid_fetch_size", "the fetch size is not acceptable"},
    Text{"leader_not_available", "no leader is known for the partition at the moment"},
    Text{"not_leader_or_follower", "this broker is neither leader nor follower of the partition"},
    Text{"request_timed_out", "not done within the time the request allows"},
    Text{"broker_not_available", "the broker is not available"},
    Text{"replica_not_available", "the replica is not available"},
    Text{"message_too_large", "the batch is larger than the topic accepts"},
    Text{"stale_controller_epoch", "the controller has moved to another broker"},
    Text{"offset_metadata_too_large", "the metadata that goes with the offset is too long"},
    Text{"network_exception", "the connection broke before an answer arrived"},
    Text{"coordinator_load_in_progress", "the coordinator is still loading its state"},
    Text{"coordinator_not_available", "there is no coordinator to ask at the moment"},
    Text{"not_coordinator", "this broker is not the coordinator"},
    Text{"invalid_topic_exception", "the topic name is not legal, or clients may not use it that way"},
    Text{"record_list_too_large", "the records do not fit into one segment"},
    Text{"not_enough_replicas", "fewer replicas are in sync than the topic demands"},
    Text{"not_enough_replicas_after_append", "appended, but fewer replicas are in sync than the topic demands"},
    Text{"invalid_required_acks", "acks must be -1, 0 or 1"},
    Text{"illegal_generation", "the group is in another generation"},
    Text{"inconsistent_group_protocol", "the member's protocols do not match those of the group"},
    Text{"invalid_group_id", "the group id is not legal"},
    Text{"unknown_member_id", "the group has no such member"},
    Text{"invalid_session_timeout", "the session timeout is outside the allowed range"},
    Text{"rebalance_in_progress", "the group is rebalancing, join again"},
    Text{"invalid_commit_offset_size", "the offsets do not fit into one record"},
    Text{"topic_authorization_failed", "not authorized for the topic"},
    Text{"group_authorization_failed", "not authorized for the group"},
    Text{"cluster_authorization_failed", "not authorized for the cluster"},
    Text{"invalid_timestamp", "the timestamp of a record is outside the allowed range"},
    Text{"unsupported_sasl_mechanism", "the SASL mechanism is not enabled"},
    Text{"illegal_sasl_state", "the SASL exchange is not at that point"},
    Text{"unsupported_version", "the server does not know this version of the API"},
    Text{"topic_already_exists", "the topic exists already"},
    Text{"invalid_partitions", "the number of partitions is not acceptable"},
    Text{"invalid_replication_factor", "the replication factor is not positive, or larger than the number of brokers"},
    Text{"invalid_replica_assignment", "the replica assignment is not acceptable"},
    Text{"invalid_config", "the configuration is not acceptable"},
    Text{"not_controller", "this server is not the controller"},
    Text{"invalid_request", "the request contradicts itself or lacks something"},
    Text{"unsupported_for_message_format", "the partition's message format does not support this"},
    Text{"policy_violation", "a policy forbids it"},
    Text{"out_of_order_sequence_number", "the sequence number is not the next one"},
    Text{"duplicate_sequence_number", "the sequence number was used before"},
    Text{"invalid_producer_epoch", "the producer's epoch is older than the one in use"},
    Text{"invalid_txn_state", "the transaction's state does not allow this"},
    Text{"invalid_producer_id_mapping", "the producer id does not belong to the transactional id"},
    Text{"invalid_transaction_timeout", "the transaction timeout is larger than the broker allows"},
    Text{"concurrent_transactions", "the transaction is changing its state, try again"},
    Text{"transaction_coordinator_fenced", "a newer transaction coordinator has taken over"},
    Text{"transactional_id_authorization_failed", "not authorized for the transactional id"},
    Text{"security_disabled", "security features are switched off"},
    Text{"operation_not_attempted", "not attempted, because another part of the request failed"},
    Text{"kafka_storage_error", "a log directory failed"},
    Text{"log_dir_not_found", "no such log directory"},
    Text{"sasl_authentication_failed", "authentication failed"},
    Text{"unknown_producer_id", "the producer id is not known at this partition"},
    Text{"reassignment_in_progress", "the partition is being reassigned"},
    Text{"delegation_token_auth_disabled", "delegation tokens are switched off"},
    Text{"delegation_token_not_found", "no such delegation token"},
    Text{"delegation_token_owner_mismatch", "the delegation token belongs to someone else"},
    Text{"delegation_token_request_not_allowed",
         "delegation tokens need a secure channel and no delegation token of their own"},
    Text{"delegation_token_authorization_failed", "not authorized for the delegation token"},
    Text{"delegation_token_expired", "the delegation token has expired"},
    Text{"invalid_principal_type", "the principal type is not supported"},
    Text{"non_empty_group", "the group still has members"},
    Text{"group_id_not_found", "no such group"},
    Text{"fetch_session_id_not_found", "no such fetch session"},
    Text{"invalid_fetch_session_epoch", "the epoch of the fetch session is not the expected one"},
    Text{"listener_not_found", "the leader has no listener that matches the client's"},
    Text{"topic_deletion_disabled", "topic deletion is switched off"},
    Text{"fenced_leader_epoch", "the leader epoch is older than the broker's"},
    Text{"unknown_leader_epoch", "the leader epoch is newer than the broker's"},
    Text{"unsupported_compression_type", "the client's version does not support the compression of the records"},
    Text{"stale_broker_epoch", "the broker epoch is older than the registered one"},
    Text{"offset_not_available", "the new leader does not yet know the offset"},
    Text{"member_id_required", "join again with the member id of this answer"},
    Text{"preferred_leader_not_available", "the preferred leader cannot lead"},
    Text{"group_max_size_reached", "the group is full"},
    Text{"fenced_instance_id", "another member uses the same instance id"},
    Text{"eligible_leaders_not_available", "none of the eligible replicas can lead"},
    Text{"election_not_needed", "the partition has the leader it should have"},
    Text{"no_reassignment_in_progress", "the partition is not being reassigned"},
    Text{"group_subscribed_to_topic", "the group is subscribed to the topic"},
    Text{"invalid_record", "a record breaks the rules of its topic or format"},
    Text{"unstable_offset_commit", "a transaction with pending offsets is still open"},
    Text{"throttling_quota_exceeded", "the quota is used up"},
    Text{"producer_fenced", "a producer with the same transactional id and a newer epoch has taken over"},
    Text{"resource_not_found", "no such resource"},
    Text{"duplicate_resource", "the request names the resource twice"},
    Text{"unacceptable_credential", "the credential does not meet the requirements"},
    Text{"inconsistent_voter_set", "the voters do not know each other"},
    Text{"invalid_update_version", "the new version is not acceptable"},
    Text{"feature_update_failed", "the features could not be updated"},
    Text{"principal_deserialization_failure", "the principal could not be read"},
    Text{"snapshot_not_found", "no such snapshot"},
    Text{"position_out_of_range", "the position lies outside the snapshot"},
    Text{"unknown_topic_id", "no topic has that id"},
    Text{"duplicate_broker_registration", "the broker id is registered already"},
    Text{"broker_id_not_registered", "the broker is not registered"},
    Text{"inconsistent_topic_id", "the topic id is not the one in the log"},
    Text{"inconsistent_cluster_id", "the cluster id is another one"},
    Text{"transactional_id_not_found", "no such transactional id"},
    Text{"fetch_session_topic_id_error", "the fetch session and the request differ in their use of topic ids"},
    Text{"ineligible_replica", "the replica may not join the in-sync set"},
    Text{"new_leader_elected", "leadership moved while the request was handled"},
    Text{"offset_moved_to_tiered_storage", "the offset is only in tiered storage"},
    Text{"fenced_member_epoch", "the member epoch is not the group's, join again"},
    Text{"unreleased_instance_id", "the instance id is still held by another member"},
    Text{"unsupported_assignor", "the group cannot use that assignor"},
    Text{"stale_member_epoch", "the member epoch is older than the coordinator's"},
    Text{"mismatched_endpoint_type", "the request went to the wrong type of listener"},
    Text{"unsupported_endpoint_type", "the listener type is not supported"},
    Text{"unknown_controller_id", "no such controller"},
    Text{"unknown_subscription_id", "the telemetry subscription id is out of date"},
    Text{"telemetry_too_large", "the telemetry is larger than the broker accepts"},
    Text{"invalid_registration", "the registration is not acceptable"},
    Text{"transaction_abortable", "the transaction must be aborted"},
    Text{"invalid_record_state", "the record is not in a state that allows this"},
    Text{"share_session_not_found", "no such share session"},
    Text{"invalid_share_session_epoch", "the epoch of the share session is not the expected one"},
    Text{"fenced_state_epoch", "the state epoch is older than the share coordinator's"},
    Text{"invalid_voter_key", "the voter's key does not match"},
    Text{"duplicate_voter", "the voter is in the set already"},
    Text{"voter_not_found", "the voter is not in the set"},
    Text{"invalid_regular_expression", "the regular expression cannot be parsed"},
    Text{"rebootstrap_required", "the client should bootstrap again"},
    Text{"streams_invalid_topology", "the topology is not acceptable"},
    Text{"streams_invalid_topology_epoch", "the topology epoch is not acceptable"},
    Text{"streams_topology_fenced", "the topology epoch is out of date"},
    Text{"share_session_limit_reached", "there are as many share sessions as the broker allows"},
    Text{"group_deletion_failed", "the group could not be deleted"},
    Text{"streams_topology_description_update_failed", "the description of the topology could not be stored"},
    Text{"controller_id_not_registered", "no such controller is registered"},
};
static_assert(kTexts.size() == static_cast<int>(kErrorCodeMax) - kFirst + 1);

const Text& text(ErrorCode code) noexcept {
  static constexpr Text kUnrecognised{"unrecognised", "an error that this version does not know"};
  if (code < kErrorCodeMin || code > kErrorCodeMax) return kUnrecognised;
  return kTexts[static_cast<std::size_t>(static_cast<int>(code) - kFirst)];
}

}  // namespace

std::string_view name(ErrorCode code) noexcept { return text(code).name; }

std::string_view message(ErrorCode code) noexcept { return text(code).message; }

std::ostream& operator<<(std::ostream& out, ErrorCode code) {
  return out << name(code) << '(' << static_cast<int>(code) << ')';
}

}  // namespace sluice::protocol
