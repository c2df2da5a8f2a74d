#include "broker/group/group_record.hpp"

#include <type_traits>

#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::broker::group {
namespace {

/// How a kind of record is told by its key, and in which version its value is written.
struct Format {
  std::int16_t kind;
  std::int16_t value_version;
};

constexpr std::int16_t kOldestOffsetKind = 0;           // the same as 1
constexpr std::int16_t kExpiringOffsetCommitValue = 1;  // the only one that has an expiry of its own

template <class Record>
constexpr Format kFormat{};
template <>
constexpr Format kFormat<OffsetRecord>{1, 4};
template <>
constexpr Format kFormat<GroupMetadataRecord>{2, 3};
template <>
constexpr Format kFormat<ConsumerGroupRecord>{3, 0};
template <>
constexpr Format kFormat<MemberRecord>{5, 0};
template <>
constexpr Format kFormat<TargetEpochRecord>{6, 0};
template <>
constexpr Format kFormat<TargetAssignmentRecord>{7, 0};
template <>
constexpr Format kFormat<CurrentAssignmentRecord>{8, 0};
template <>
constexpr Format kFormat<RegexRecord>{16, 0};

template <class Message>
std::vector<std::byte> with_version(std::int16_t prefix, const Message& message, std::int16_t version) {
  wire::Writer writer;
  writer.int16(prefix);
  encode(message, version, writer);
  return writer.take();
}

template <class Record>
std::int16_t value_version(const Record& record) {
  if constexpr (std::is_same_v<Record, OffsetRecord>) {
    if (record.value->expire_timestamp != kNoTimestamp) return kExpiringOffsetCommitValue;
  }
  return kFormat<Record>.value_version;
}

template <class Record>
EncodedRecord encode_kind(const Record& record) {
  EncodedRecord encoded;
  encoded.key =
      with_version(kFormat<Record>.kind, record.key, std::remove_cvref_t<decltype(record.key)>::kVersions.max);
  if (record.value) {
    const auto version = value_version(record);
    encoded.value = with_version(version, *record.value, version);
  }
  return encoded;
}

template <class Record>
DecodedRecord decode_kind(wire::Reader& key, std::optional<ByteView> value) {
  Record record;
  if (!decode(key, std::remove_cvref_t<decltype(record.key)>::kVersions.max, record.key) || !key.ok()) {
    return {DecodeProblem::malformed, {}};
  }
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

/// Tries the alternatives of GroupRecord in turn.
template <std::size_t I = 0>
DecodedRecord decode_any(std::int16_t kind, wire::Reader& key, std::optional<ByteView> value) {
  if constexpr (I == std::variant_size_v<GroupRecord>) {
    return {DecodeProblem::unknown_kind, {}};
  } else {
    using Record = std::variant_alternative_t<I, GroupRecord>;
    if (kind == kFormat<Record>.kind) return decode_kind<Record>(key, value);
    return decode_any<I + 1>(kind, key, value);
  }
}

}  // namespace

const std::string& group_of(const GroupRecord& record) {
  return std::visit(
      [](const auto& kind) -> const std::string& {
        if constexpr (requires { kind.key.group_id; }) {
          return kind.key.group_id;
        } else {
          return kind.key.group;
        }
      },
      record);
}

EncodedRecord encode(const GroupRecord& record) {
  return std::visit([](const auto& kind) { return encode_kind(kind); }, record);
}

DecodedRecord decode(ByteView key, std::optional<ByteView> value) {
  wire::Reader reader{key};
  const auto kind = reader.int16();
  if (!reader.ok()) return {DecodeProblem::malformed, {}};
  return decode_any(kind == kOldestOffsetKind ? kFormat<OffsetRecord>.kind : kind, reader, value);
}

}  // namespace sluice::broker::group
