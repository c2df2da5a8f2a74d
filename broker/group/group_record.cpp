#include "broker/group/group_record.hpp"

#include <type_traits>

#include "protocol/record/batch_format.hpp"
#include "protocol/wire/reader.hpp"

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

/// What a batch has besides keys and values: its header, and of each record four lengths and numbers of up to 5 bytes,
/// a timestamp of up to 10, attributes, and the count of headers.
constexpr std::size_t kRecordOverheadMax = 4 * 5 + 10 + 2;

/// Returns how many bytes it wrote.
template <class Message>
std::size_t write_with_version(std::int16_t prefix, const Message& message, std::int16_t version,
                               wire::Writer& writer) {
  const auto begin = writer.size();
  writer.int16(prefix);
  encode(message, version, writer);
  return writer.size() - begin;
}

template <class Record>
std::int16_t value_version(const Record& record) {
  if constexpr (std::is_same_v<Record, OffsetRecord>) {
    if (record.value->expire_timestamp != kNoTimestamp) return kExpiringOffsetCommitValue;
  }
  return kFormat<Record>.value_version;
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
  RecordEncoder encoder;
  encoder.add(record);
  EncodedRecord encoded;
  encoder.for_each([&](ByteView key, std::optional<ByteView> value) {
    encoded.key.assign(key.begin(), key.end());
    if (value) encoded.value.emplace(value->begin(), value->end());
  });
  return encoded;
}

void RecordEncoder::clear() noexcept {
  writer_.clear();
  sizes_.clear();
}

void RecordEncoder::add(const GroupRecord& record) {
  std::visit(
      [&]<class Record>(const Record& kind) {
        constexpr auto kKeyVersion = decltype(kind.key)::kVersions.max;
        auto& sizes = sizes_.emplace_back();
        sizes.key = write_with_version(kFormat<Record>.kind, kind.key, kKeyVersion, writer_);
        if (!kind.value) return;
        const auto version = value_version(kind);
        sizes.value = write_with_version(version, *kind.value, version, writer_);
      },
      record);
}

std::size_t RecordEncoder::batch_bytes_max() const noexcept {
  return record::kBatchHeaderBytes + writer_.size() + sizes_.size() * kRecordOverheadMax;
}

DecodedRecord decode(ByteView key, std::optional<ByteView> value) {
  wire::Reader reader{key};
  const auto kind = reader.int16();
  if (!reader.ok()) return {DecodeProblem::malformed, {}};
  return decode_any(kind == kOldestOffsetKind ? kFormat<OffsetRecord>.kind : kind, reader, value);
}

}  // namespace sluice::broker::group
