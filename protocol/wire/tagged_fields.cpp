#include "protocol/wire/tagged_fields.hpp"

#include <limits>

#include "protocol/base/assert.hpp"
#include "protocol/base/varint.hpp"

namespace sluice::wire {

bool TagReader::next() noexcept {
  const bool first = outer_end_ == nullptr;
  if (!first) in_.leave(outer_end_);
  if (left_ == 0 || !in_.ok()) return false;
  --left_;
  const auto tag = in_.varint();
  const auto size = in_.varint();
  if (!first && tag <= tag_) in_.fail();
  tag_ = tag;
  outer_end_ = in_.enter(size);
  return in_.ok();
}

void TagReader::keep(UnknownTaggedFields& unknown) {
  const auto payload = in_.raw(in_.remaining());
  unknown.push_back({tag_, {payload.begin(), payload.end()}});
}

TagWriter::TagWriter(Writer& out, const UnknownTaggedFields& unknown, std::uint32_t known_count)
    : out_(out), unknown_(unknown) {
  out_.varint(known_count + static_cast<std::uint32_t>(unknown.size()));
}

void TagWriter::begin(std::uint32_t tag, std::size_t payload_size) {
  unknown_below(tag);
  SLUICE_ASSERT(last_tag_ < tag, last_tag_, tag);
  last_tag_ = tag;
  out_.varint(tag);
  out_.varint(static_cast<std::uint32_t>(payload_size));
}

void TagWriter::end() { unknown_below(std::numeric_limits<std::uint64_t>::max()); }

void TagWriter::unknown_below(std::uint64_t tag) {
  for (; next_unknown_ < unknown_.size() && unknown_[next_unknown_].tag < tag; ++next_unknown_) {
    const auto& field = unknown_[next_unknown_];
    SLUICE_ASSERT(last_tag_ < field.tag, last_tag_, field.tag);
    last_tag_ = field.tag;
    out_.varint(field.tag);
    out_.varint(static_cast<std::uint32_t>(field.payload.size()));
    out_.raw(field.payload);
  }
}

std::size_t tagged_field_size(std::uint32_t tag, std::size_t payload_size) noexcept {
  return varint_size(tag) + varint_size(payload_size) + payload_size;
}

std::size_t tagged_section_size(const UnknownTaggedFields& unknown, std::uint32_t known_count,
                                std::size_t known_size) noexcept {
  std::size_t size = varint_size(known_count + unknown.size()) + known_size;
  for (const auto& field : unknown) size += tagged_field_size(field.tag, field.payload.size());
  return size;
}

}  // namespace sluice::wire
