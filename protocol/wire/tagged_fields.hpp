#pragma once

#include <cstdint>

#include "protocol/wire/reader.hpp"
#include "protocol/wire/unknown_tagged_field.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::wire {

/// The tagged section at the end of every struct of a flexible version (KIP-482): a count, then for each field, in
/// strictly ascending order of the tags, tag, size and payload.
///
///     for (TagReader tags{in}; tags.next();) switch (tags.tag()) { case 0: ...; default: tags.keep(unknown_tags); }
///
/// While the loop is inside a field the reader ends where the field ends; a payload that is not taken whole, or a tag
/// out of order, fails the reader.
class TagReader {
 public:
  explicit TagReader(Reader& in) noexcept : in_(in), left_(in.varint()) {}

  bool next() noexcept;
  std::uint32_t tag() const noexcept { return tag_; }
  void keep(UnknownTaggedFields& unknown);

 private:
  Reader& in_;
  std::uint32_t left_;  // fields still to come
  std::uint32_t tag_ = 0;
  std::byte* outer_end_ = nullptr;  // where the reader's bytes end outside the current field, if inside one
};

/// Writes the section: the count of known fields must be given first; `begin` for each of them, in order; `end` last.
/// Unknown fields go in between where their tags belong.
class TagWriter {
 public:
  TagWriter(Writer& out, const UnknownTaggedFields& unknown, std::uint32_t known_count);

  void begin(std::uint32_t tag, std::size_t payload_size);
  void end();

 private:
  void unknown_below(std::uint64_t tag);

  Writer& out_;
  const UnknownTaggedFields& unknown_;
  std::size_t next_unknown_ = 0;
  std::int64_t last_tag_ = -1;
};

/// Tag, size and payload.
std::size_t tagged_field_size(std::uint32_t tag, std::size_t payload_size) noexcept;
/// The whole section, given what its known fields take.
std::size_t tagged_section_size(const UnknownTaggedFields& unknown, std::uint32_t known_count,
                                std::size_t known_size) noexcept;

}  // namespace sluice::wire
