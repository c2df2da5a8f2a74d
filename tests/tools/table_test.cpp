#include "tools/cli/table.hpp"

#include <catch2/catch.hpp>

#include "tools/cluster_client.hpp"

namespace sluice::tools {
namespace {

Table some_table() {
  Table table{{"topic", "in_sync"}};
  table.add({"orders", Json::array({1, 2})});
  table.add({"o", nullptr});
  return table;
}

TEST_CASE("a table aligns its columns below a header", "[tools]") {
  CHECK(some_table().render(OutputFormat::table) == "TOPIC   IN SYNC\norders  1,2\no       -\n");
}

TEST_CASE("plain rows are separated by tabs and have no header", "[tools]") {
  CHECK(some_table().render(OutputFormat::plain) == "orders\t1,2\no\t-\n");
}

TEST_CASE("JSON rows are objects that keep their types", "[tools]") {
  CHECK(some_table().render(OutputFormat::json) ==
        R"([{"topic":"orders","in_sync":[1,2]},{"topic":"o","in_sync":null}])"
        "\n");
}

TEST_CASE("a broker's address has a host and perhaps a port", "[tools]") {
  CHECK(parse_address("db1")->port == 9092);
  CHECK(parse_address("db1:19092")->port == 19092);
  CHECK(parse_address("[::1]:19092")->host == "::1");
  CHECK(parse_address("[::1]")->port == 9092);
  CHECK_FALSE(parse_address("db1:"));
  CHECK_FALSE(parse_address("db1:0"));
  CHECK_FALSE(parse_address(":9092"));
  CHECK_FALSE(parse_address("db1:99999"));
}

}  // namespace
}  // namespace sluice::tools
