#pragma once

#include <optional>
#include <string_view>

#include "broker/group/group_record.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::broker::group {

/// An OffsetRecord that is somewhere else: most of what a coordinator loads are such, each of which lives for a moment.
struct OffsetRecordView {
  std::string_view group;
  std::string_view topic;
  PartitionId partition;
  const protocol::OffsetCommitValue* value = nullptr;  ///< null: a tombstone
};

OffsetRecordView view_of(const OffsetRecord& record);

/// Takes OffsetRecords out of their bytes without an allocation for each.
class OffsetRecordReader {
 public:
  /// Of the bytes, and valid until the next `read`; nullopt: another kind of record, or none that `decode` would take.
  std::optional<OffsetRecordView> read(ByteView key, std::optional<ByteView> value);

 private:
  protocol::OffsetCommitValue value_;
};

}  // namespace sluice::broker::group
