#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "broker/controller/metadata_record.pb.h"

// Between the plain values and their Protobuf messages. For the .cpp files of this folder only: generated headers are
// seen by no other.

namespace sluice::broker::controller {

std::string uuid_bytes(const Uuid& id);
std::optional<Uuid> uuid_of(const std::string& bytes);

void to_proto(const BrokerImage& broker, pb::BrokerRecord& out);
/// nullopt: ids that are none.
std::optional<BrokerImage> from_proto(const pb::BrokerRecord& in);

void to_proto(const PartitionImage& partition, pb::PartitionRecord& out);
/// nullopt: a recovery state that this version doesn't know.
std::optional<PartitionImage> from_proto(const pb::PartitionRecord& in);

}  // namespace sluice::broker::controller
