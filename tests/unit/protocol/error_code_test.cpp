#include "protocol/error_code.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>

namespace sluice::protocol {

TEST_CASE("every error code has a name of its own and a message", "[protocol]") {
  std::set<std::string_view> names;
  for (auto number = static_cast<int>(kErrorCodeMin); number <= static_cast<int>(kErrorCodeMax); ++number) {
    const auto code = static_cast<ErrorCode>(number);
    CHECK(names.insert(name(code)).second);
    CHECK_FALSE(message(code).empty());
  }
  CHECK(name(ErrorCode::unknown_server_error) == "unknown_server_error");
  CHECK(name(ErrorCode::rebalance_in_progress) == "rebalance_in_progress");
  CHECK(static_cast<int>(ErrorCode::rebootstrap_required) == 129);
}

TEST_CASE("a number that no error has is unrecognised, not trouble", "[protocol]") {
  CHECK(name(static_cast<ErrorCode>(-2)) == "unrecognised");
  CHECK(name(static_cast<ErrorCode>(32767)) == "unrecognised");
}

}  // namespace sluice::protocol
