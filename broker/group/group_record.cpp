#include "broker/group/group_record.hpp"

#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::broker::group {
namespace {

constexpr std::int16_t kOffsetCommitKeyMax = 1;  // 0 and 1 are the same
constexpr std::int16_t kGroupMetadataKey = 2;
constexpr std::int16_t kOffsetCommitValue = 4;
constexpr std::int16_t kExpiringOffsetCommitValue = 1;  // the only one that has an expiry of its own
constexpr std::int16_t kGroupMetadataValue = 3;

template <class Message>
std::vector<std::byte> with_version(std::int16_t prefix, const Message& message, std::int16_t version) {
  wire::Writer writer;
  writer.int16(prefix);
  encode(message, version, writer);
  return writer.take();
}

template <class Record>
DecodedRecord finish(wire::Reader& key, std::int16_t key_version, std::optional<ByteView> value) {
  Record record;
  if (!decode(key, key_version, record.key) || !key.ok()) return {DecodeProblem::malformed, {}};
  if (value) {
    wire::Reader reader{*value};
    const auto version = reader.int16();
    auto& into = record.value.emplace();
    const auto known = std::remove_reference_t<decltype(into)>::kVersions;
    if (!reader.ok()) return {DecodeProblem::malformed, {}};
    if (version < known.min || version > known.max) return {DecodeProblem::unknown_kind, {}};
    if (!decode(reader, version, into) || !reader.ok()) return {DecodeProblem::malformed, {}};
  }
  return {DecodeProblem::none, GroupRecord{std::move(record)}};
}

}  // namespace

const std::string& group_of(const GroupRecord& record) {
  return std::visit([](const auto& kind) -> const std::string& { return kind.key.group; }, record);
}

EncodedRecord encode(const GroupRecord& record) {
  EncodedRecord encoded;
  if (const auto* offset = std::get_if<OffsetRecord>(&record)) {
    const auto version = protocol::OffsetCommitKey::kVersions.max;
    encoded.key = with_version(kOffsetCommitKeyMax, offset->key, version);
    if (offset->value) {
      const bool expires = offset->value->expire_timestamp != kNoTimestamp;
      const auto value_version = expires ? kExpiringOffsetCommitValue : kOffsetCommitValue;
      encoded.value = with_version(value_version, *offset->value, value_version);
    }
  } else {
    const auto& metadata = std::get<GroupMetadataRecord>(record);
    const auto version = protocol::GroupMetadataKey::kVersions.max;
    encoded.key = with_version(kGroupMetadataKey, metadata.key, version);
    if (metadata.value) encoded.value = with_version(kGroupMetadataValue, *metadata.value, kGroupMetadataValue);
  }
  return encoded;
}

DecodedRecord decode(ByteView key, std::optional<ByteView> value) {
  wire::Reader reader{key};
  const auto kind = reader.int16();
  if (!reader.ok()) return {DecodeProblem::malformed, {}};
  if (kind >= 0 && kind <= kOffsetCommitKeyMax) {
    return finish<OffsetRecord>(reader, protocol::OffsetCommitKey::kVersions.max, value);
  }
  if (kind == kGroupMetadataKey) {
    return finish<GroupMetadataRecord>(reader, protocol::GroupMetadataKey::kVersions.max, value);
  }
  return {DecodeProblem::unknown_kind, {}};
}

}  // namespace sluice::broker::group
