#pragma once

#include <string_view>
#include <system_error>

#include "protocol/base/ids.hpp"
#include "protocol/base/uuid.hpp"
#include "protocol/error_code.hpp"
#include "protocol/record/batch_validator.hpp"

namespace sluice::broker::controller {
class MetadataImage;
}

/// The one place that turns what went wrong inside into the codes that clients are told.
namespace sluice::broker::api {

protocol::ErrorCode to_error_code(std::error_code error) noexcept;
protocol::ErrorCode to_error_code(record::Reason reason) noexcept;

/// Why this broker (`self`) has no replica of a partition that a request names: `by_topic_id`, or else by name.
protocol::ErrorCode unknown_partition_error(const controller::MetadataImage& image, std::string_view topic,
                                            const Uuid& topic_id, PartitionId partition, bool by_topic_id,
                                            BrokerId self = kNoBroker) noexcept;

}  // namespace sluice::broker::api
