#include "broker/group/offset_record_view.hpp"

#include "protocol/wire/reader.hpp"

namespace sluice::broker::group {
namespace {

constexpr std::int16_t kKindMax = 1;  // 0 and 1 are offsets, in the same format

std::string_view text(wire::Reader& reader) {
  const auto size = reader.int16();
  if (size < 0) {
    reader.fail();
    return {};
  }
  const auto bytes = reader.raw(static_cast<std::size_t>(size));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

OffsetRecordView view_of(const OffsetRecord& record) {
  return {record.key.group, record.key.topic, record.key.partition, record.value ? &*record.value : nullptr};
}

std::optional<OffsetRecordView> OffsetRecordReader::read(ByteView key, std::optional<ByteView> value) {
  wire::Reader reader{key};
  const auto kind = reader.int16();
  if (!reader.ok() || kind < 0 || kind > kKindMax) return std::nullopt;
  OffsetRecordView record;
  record.group = text(reader);
  record.topic = text(reader);
  record.partition = PartitionId{reader.int32()};
  if (!reader.ok()) return std::nullopt;
  if (!value) return record;

  wire::Reader from{*value};
  const auto version = from.int16();
  constexpr auto kKnown = protocol::OffsetCommitValue::kVersions;
  if (!from.ok() || version < kKnown.min || version > kKnown.max) return std::nullopt;
  if (!decode(from, version, value_) || !from.ok()) return std::nullopt;
  record.value = &value_;
  return record;
}

}  // namespace sluice::broker::group
