#include "protocol/base/clipped.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace sluice {

TEST_CASE("a text is clipped between characters", "[base]") {
  CHECK(clipped("short") == "short");
  CHECK(clipped("abcdef", 6) == "abcdef");
  CHECK(clipped("abcdef", 4) == "abcd");
  CHECK(clipped(std::string(300, 'x')).size() == 200);
  CHECK(clipped("ab\u00fcd", 3) == "ab");
  CHECK(clipped("a\U0001f600b", 4) == "a");
  CHECK(clipped("a\U0001f600b", 5) == "a\U0001f600");
}

TEST_CASE("what is no UTF-8 is clipped too", "[base]") { CHECK(clipped(std::string(300, '\x80')).size() == 197); }

}  // namespace sluice
