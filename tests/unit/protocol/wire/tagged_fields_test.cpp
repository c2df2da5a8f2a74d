#include "protocol/wire/tagged_fields.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace sluice::wire {

namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

/// Reads a section whose tag 1 is an int8.
bool read(const std::vector<std::byte>& bytes, UnknownTaggedFields& unknown, int& known) {
  Reader in{ByteView{bytes}};
  for (TagReader tags{in}; tags.next();) {
    if (tags.tag() == 1) {
      known = in.int8();
    } else {
      tags.keep(unknown);
    }
  }
  return in.ok() && in.remaining() == 0;
}

bool readable(const std::vector<std::byte>& bytes) {
  UnknownTaggedFields unknown;
  int known = 0;
  return read(bytes, unknown, known);
}

}  // namespace

TEST_CASE("unknown tagged fields are kept, and written back between the known ones", "[wire]") {
  const auto section = bytes_of({3, 0, 2, 8, 9, 1, 1, 5, 200, 1, 0});
  UnknownTaggedFields unknown;
  int known = 0;
  REQUIRE(read(section, unknown, known));
  CHECK(known == 5);
  REQUIRE(unknown.size() == 2);
  CHECK(unknown[0] == UnknownTaggedField{0, bytes_of({8, 9})});
  CHECK(unknown[1] == UnknownTaggedField{200, {}});

  Writer out;
  TagWriter tags{out, unknown, 1};
  tags.begin(1, 1);
  out.int8(5);
  tags.end();
  CHECK(std::vector<std::byte>(out.bytes().begin(), out.bytes().end()) == section);
  CHECK(tagged_section_size(unknown, 1, tagged_field_size(1, 1)) == section.size());
}

TEST_CASE("a tagged section that is cut, unordered or badly sized is malformed", "[wire]") {
  CHECK(readable(bytes_of({0})));
  CHECK(readable(bytes_of({1, 1, 1, 5})));
  CHECK_FALSE(readable({}));
  CHECK_FALSE(readable(bytes_of({1})));                       // no field
  CHECK_FALSE(readable(bytes_of({1, 0, 3, 1, 2})));           // payload cut short
  CHECK_FALSE(readable(bytes_of({1, 1, 2, 5, 6})));           // payload longer than its type
  CHECK_FALSE(readable(bytes_of({1, 1, 0})));                 // and shorter
  CHECK_FALSE(readable(bytes_of({2, 1, 1, 5, 1, 1, 5})));     // twice
  CHECK_FALSE(readable(bytes_of({2, 2, 0, 1, 1, 5})));        // descending
  CHECK_FALSE(readable(bytes_of({255, 255, 255, 255, 15})));  // a count that nothing justifies
}

}  // namespace sluice::wire
