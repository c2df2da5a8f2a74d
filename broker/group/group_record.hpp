#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/messages/group_metadata_key.hpp"
#include "protocol/messages/group_metadata_value.hpp"
#include "protocol/messages/offset_commit_key.hpp"
#include "protocol/messages/offset_commit_value.hpp"

namespace sluice::broker::group {

/// A committed offset; without a value, that it is no more.
struct OffsetRecord {
  protocol::OffsetCommitKey key;
  std::optional<protocol::OffsetCommitValue> value;

  bool operator==(const OffsetRecord&) const = default;
};

/// A classic group's generation, members and assignments; without a value, that the group is no more.
struct GroupMetadataRecord {
  protocol::GroupMetadataKey key;
  std::optional<protocol::GroupMetadataValue> value;

  bool operator==(const GroupMetadataRecord&) const = default;
};

/// One record of `__consumer_offsets`, in Kafka's own formats: key and value each begin with an int16 version, which in
/// keys tells the kind of record.
using GroupRecord = std::variant<OffsetRecord, GroupMetadataRecord>;

const std::string& group_of(const GroupRecord& record);

/// The record as it is stored, in the versions that Kafka 4.3 writes.
struct EncodedRecord {
  std::vector<std::byte> key;
  std::optional<std::vector<std::byte>> value;  ///< nullopt: a tombstone
};
EncodedRecord encode(const GroupRecord& record);

enum class DecodeProblem { none, unknown_kind, malformed };

struct DecodedRecord {
  DecodeProblem problem = DecodeProblem::none;
  std::optional<GroupRecord> record;  ///< present when there is no problem
};
/// Never fails for what `encode` made. Records of kinds that are not kept here (of other group types) are
/// `unknown_kind`: to be left alone.
DecodedRecord decode(ByteView key, std::optional<ByteView> value);

}  // namespace sluice::broker::group
