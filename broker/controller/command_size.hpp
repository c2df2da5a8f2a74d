#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "broker/controller/metadata_record.hpp"

namespace sluice::broker::controller {

/// Partitions in one command where more than one will do: an entry of the log stays small, and what waits behind it
/// does not wait long.
inline constexpr std::size_t kPartitionsPerCommand = 2000;

/// `records` in commands, in their order, that may be committed one without the other: a topic comes with all its
/// settings and partitions, and grows by all that one request adds. Points into `records`.
std::vector<std::span<const MetadataRecord>> split_into_commands(std::span<const MetadataRecord> records,
                                                                 std::size_t partitions_max = kPartitionsPerCommand);

}  // namespace sluice::broker::controller
