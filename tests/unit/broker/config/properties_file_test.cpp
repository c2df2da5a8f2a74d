#include "broker/config/properties_file.hpp"

#include <catch2/catch.hpp>

using namespace sluice::broker::config;

namespace {

Property only(std::string_view text) {
  const auto parsed = parse_properties(text);
  CHECK(parsed.malformed.empty());
  REQUIRE(parsed.properties.size() == 1);
  return parsed.properties.front();
}

void check_pair(std::string_view text, std::string_view name, std::string_view value) {
  CAPTURE(text);
  const auto property = only(text);
  CHECK(property.name == name);
  CHECK(property.value == value);
}

}  // namespace

TEST_CASE("a property is a name, a separator and a value") {
  check_pair("a=1", "a", "1");
  check_pair("a:1", "a", "1");
  check_pair("a 1", "a", "1");
  check_pair("  a \t = \t 1 ", "a", "1 ");
  check_pair("a", "a", "");
  check_pair("a==b:c d", "a", "=b:c d");
  check_pair(
      "\xEF\xBB\xBF"
      "a=1\r\n",
      "a", "1");
}

TEST_CASE("comments and blank lines are no properties, and lines are counted from one") {
  const auto parsed = parse_properties("# one\n! two \\\n\n  \t\na=1\r\nb=2\rc=3");
  REQUIRE(parsed.properties.size() == 3);
  CHECK(parsed.properties[0].line == 5);
  CHECK(parsed.properties[1].line == 6);
  CHECK(parsed.properties[2].line == 7);
}

TEST_CASE("a backslash at the end of a line continues it, without the next line's indent") {
  const auto parsed = parse_properties("a=1,\\\n   2,\\\n\t3\nb=x\\\\\nc=4\\");
  REQUIRE(parsed.properties.size() == 3);
  CHECK(parsed.properties[0].value == "1,2,3");
  CHECK(parsed.properties[1].value == "x\\");
  CHECK(parsed.properties[1].line == 4);
  CHECK(parsed.properties[2].value == "4");
}

TEST_CASE("escapes stand for their characters") {
  check_pair("a\\=b\\ c=\\td\\n\\q", "a=b c", "\td\nq");
  check_pair("a=\\u0041\\u00e9\\u20ac\\uD83D\\uDE00", "a", "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
}

TEST_CASE("a broken unicode escape is reported with its line, and the rest is read") {
  for (const auto* text : {"a=1\nb=\\u12\nc=3", "a=1\nb=\\uzzzz\nc=3", "a=1\nb=\\ud83d!\nc=3", "a=1\nb=\\udc00\nc=3"}) {
    CAPTURE(text);
    const auto parsed = parse_properties(text);
    CHECK(parsed.properties.size() == 2);
    REQUIRE(parsed.malformed.size() == 1);
    CHECK(parsed.malformed.front().line == 2);
  }
}

TEST_CASE("repeated names are kept in order, for the reader to judge") {
  const auto parsed = parse_properties("a=1\na=2");
  REQUIRE(parsed.properties.size() == 2);
  CHECK(parsed.properties[1].value == "2");
}
