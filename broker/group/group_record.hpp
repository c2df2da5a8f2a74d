#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/messages/consumer_group_current_member_assignment_key.hpp"
#include "protocol/messages/consumer_group_current_member_assignment_value.hpp"
#include "protocol/messages/consumer_group_member_metadata_key.hpp"
#include "protocol/messages/consumer_group_member_metadata_value.hpp"
#include "protocol/messages/consumer_group_metadata_key.hpp"
#include "protocol/messages/consumer_group_metadata_value.hpp"
#include "protocol/messages/consumer_group_regular_expression_key.hpp"
#include "protocol/messages/consumer_group_regular_expression_value.hpp"
#include "protocol/messages/consumer_group_target_assignment_member_key.hpp"
#include "protocol/messages/consumer_group_target_assignment_member_value.hpp"
#include "protocol/messages/consumer_group_target_assignment_metadata_key.hpp"
#include "protocol/messages/consumer_group_target_assignment_metadata_value.hpp"
#include "protocol/messages/group_metadata_key.hpp"
#include "protocol/messages/group_metadata_value.hpp"
#include "protocol/messages/offset_commit_key.hpp"
#include "protocol/messages/offset_commit_value.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::broker::group {

/// What is known under `key`; without a value, that it is no more.
template <class Key, class Value>
struct Stored {
  Key key;
  std::optional<Value> value;

  bool operator==(const Stored&) const = default;
};

/// A committed offset.
using OffsetRecord = Stored<protocol::OffsetCommitKey, protocol::OffsetCommitValue>;
/// A classic group's generation, members and assignments.
using GroupMetadataRecord = Stored<protocol::GroupMetadataKey, protocol::GroupMetadataValue>;

// Of groups of the consumer protocol (KIP-848).

/// That a group exists, and its group epoch.
using ConsumerGroupRecord = Stored<protocol::ConsumerGroupMetadataKey, protocol::ConsumerGroupMetadataValue>;
/// What a member told of itself.
using MemberRecord = Stored<protocol::ConsumerGroupMemberMetadataKey, protocol::ConsumerGroupMemberMetadataValue>;
/// The group epoch that the target assignment was made for.
using TargetEpochRecord =
    Stored<protocol::ConsumerGroupTargetAssignmentMetadataKey, protocol::ConsumerGroupTargetAssignmentMetadataValue>;
/// What a member is to own.
using TargetAssignmentRecord =
    Stored<protocol::ConsumerGroupTargetAssignmentMemberKey, protocol::ConsumerGroupTargetAssignmentMemberValue>;
/// What a member owns, and how far it is on the way to its target.
using CurrentAssignmentRecord =
    Stored<protocol::ConsumerGroupCurrentMemberAssignmentKey, protocol::ConsumerGroupCurrentMemberAssignmentValue>;
/// The topics that a regular expression stood for when it was last looked up.
using RegexRecord = Stored<protocol::ConsumerGroupRegularExpressionKey, protocol::ConsumerGroupRegularExpressionValue>;

/// One record of `__consumer_offsets`, in Kafka's own formats: key and value each begin with an int16 version, which in
/// keys tells the kind of record.
using GroupRecord = std::variant<OffsetRecord, GroupMetadataRecord, ConsumerGroupRecord, MemberRecord,
                                 TargetEpochRecord, TargetAssignmentRecord, CurrentAssignmentRecord, RegexRecord>;

const std::string& group_of(const GroupRecord& record);

/// The record as it is stored, in the versions that Kafka 4.3 writes.
struct EncodedRecord {
  std::vector<std::byte> key;
  std::optional<std::vector<std::byte>> value;  ///< nullopt: a tombstone
};
EncodedRecord encode(const GroupRecord& record);

/// Encodes records one behind the other, in memory that it keeps for the next.
class RecordEncoder {
 public:
  void clear() noexcept;
  void add(const GroupRecord& record);

  /// What a batch of all of them has at most.
  std::size_t batch_bytes_max() const noexcept;

  /// Calls `use(ByteView key, std::optional<ByteView> value)` for each; the views last until the next `add` or `clear`.
  template <class Use>
  void for_each(Use&& use) const {
    const auto bytes = writer_.bytes();
    std::size_t at = 0;
    for (const auto& [key, value] : sizes_) {
      use(bytes.subspan(at, key), value ? std::optional{bytes.subspan(at + key, *value)} : std::nullopt);
      at += key + value.value_or(0);
    }
  }

 private:
  struct Sizes {
    std::size_t key;
    std::optional<std::size_t> value;
  };

  wire::Writer writer_;
  std::vector<Sizes> sizes_;
};

enum class DecodeProblem { none, unknown_kind, malformed };

struct DecodedRecord {
  DecodeProblem problem = DecodeProblem::none;
  std::optional<GroupRecord> record;  ///< present when there is no problem
};
/// Never fails for what `encode` made. Records of kinds that are not kept here (of other group types) are
/// `unknown_kind`: to be left alone.
DecodedRecord decode(ByteView key, std::optional<ByteView> value);

}  // namespace sluice::broker::group
