#include "broker/api/error_map.hpp"

#include "broker/controller/metadata_image.hpp"
#include "protocol/record/errc.hpp"
#include "storage/errc.hpp"

namespace sluice::broker::api {
namespace {

using protocol::ErrorCode;

ErrorCode of_storage(storage::Errc error) noexcept {
  switch (error) {
    case storage::Errc::offset_out_of_range: return ErrorCode::offset_out_of_range;
    case storage::Errc::corrupt_batch: return ErrorCode::corrupt_message;
    case storage::Errc::batch_larger_than_segment: return ErrorCode::record_list_too_large;
    case storage::Errc::out_of_order_sequence: return ErrorCode::out_of_order_sequence_number;
    case storage::Errc::stale_producer_epoch: return ErrorCode::invalid_producer_epoch;
    case storage::Errc::stale_coordinator_epoch: return ErrorCode::transaction_coordinator_fenced;
    case storage::Errc::corrupt_index:
    case storage::Errc::corrupt_checkpoint:
    case storage::Errc::index_full:
    case storage::Errc::segment_full:
    case storage::Errc::log_offline:
    case storage::Errc::wrong_directory:
    case storage::Errc::directory_locked:
    case storage::Errc::directory_offline:
    case storage::Errc::not_cached: return ErrorCode::kafka_storage_error;
  }
  return ErrorCode::unknown_server_error;
}

}  // namespace

ErrorCode to_error_code(std::error_code error) noexcept {
  if (!error) return ErrorCode::none;
  if (error.category() == storage::storage_category()) return of_storage(static_cast<storage::Errc>(error.value()));
  if (error.category() == record::record_category()) return ErrorCode::corrupt_message;
  // Not of the system, whose category is another: a partition that is no longer led here.
  if (error == std::make_error_code(std::errc::operation_not_permitted)) return ErrorCode::not_leader_or_follower;
  return ErrorCode::kafka_storage_error;  // of the system: ENOSPC, EIO and their like
}

ErrorCode to_error_code(record::Reason reason) noexcept {
  switch (reason) {
    case record::Reason::invalid_record: return ErrorCode::invalid_record;
    case record::Reason::corrupt_message: return ErrorCode::corrupt_message;
    case record::Reason::message_too_large: return ErrorCode::message_too_large;
    case record::Reason::record_list_too_large: return ErrorCode::record_list_too_large;
    case record::Reason::invalid_timestamp: return ErrorCode::invalid_timestamp;
    case record::Reason::unsupported_compression_type: return ErrorCode::unsupported_compression_type;
  }
  return ErrorCode::unknown_server_error;
}

ErrorCode unknown_partition_error(const controller::MetadataImage& image, std::string_view topic, const Uuid& topic_id,
                                  PartitionId partition, bool by_topic_id, BrokerId self) noexcept {
  const auto* known = by_topic_id ? image.find_topic(topic_id) : image.find_topic(topic);
  if (known == nullptr) return by_topic_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
  const auto* found = known->find_partition(partition);
  if (found == nullptr) return ErrorCode::unknown_topic_or_partition;
  // Ours by the metadata, but not there: its log could not be opened. Otherwise another broker leads it.
  const bool is_ours = image.brokers().size() == 1 || (self != kNoBroker && found->leader == self);
  return is_ours ? ErrorCode::kafka_storage_error : ErrorCode::not_leader_or_follower;
}

}  // namespace sluice::broker::api
