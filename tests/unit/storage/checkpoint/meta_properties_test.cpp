#include "storage/checkpoint/meta_properties.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "storage/errc.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/support/result_printer.hpp"

namespace sluice::storage {
namespace {

constexpr std::string_view kKafkas =
    "#\n#Sat Nov 21 06:10:25 UTC 2026\nnode.id=1\ndirectory.id=fsQWTkHD-MStWwKYup7QSQ\nversion=1\n"
    "cluster.id=c2x1aWNlLXBlZXJzLTAwMQ\n";

Result<MetaProperties> parsed(std::string_view text) {
  MemoryFileSystem fs;
  REQUIRE(write_file_atomically(fs, "/m", text));
  return read_meta_properties(fs, "/m");
}

}  // namespace

TEST_CASE("meta.properties that Kafka wrote is read", "[checkpoint]") {
  const auto meta = parsed(kKafkas).value();
  CHECK(meta.cluster_id == "c2x1aWNlLXBlZXJzLTAwMQ");
  CHECK(meta.node_id == BrokerId{1});
  CHECK(meta.directory_id.to_string() == "fsQWTkHD-MStWwKYup7QSQ");
}

TEST_CASE("meta.properties reads back what was written", "[checkpoint]") {
  MemoryFileSystem fs;
  MetaProperties meta{.cluster_id = " a=b:c#d!e\\f ", .node_id = BrokerId{7}, .directory_id = Uuid::random()};
  REQUIRE(write_meta_properties(fs, "/m", meta));
  CHECK(read_meta_properties(fs, "/m").value() == meta);
  meta.directory_id = Uuid{};
  REQUIRE(write_meta_properties(fs, "/m", meta));
  CHECK(read_meta_properties(fs, "/m").value() == meta);
}

TEST_CASE("meta.properties of a node that knows no cluster yet has no cluster.id", "[meta_properties]") {
  MemoryFileSystem fs;
  const MetaProperties meta{.cluster_id = {}, .node_id = BrokerId{7}, .directory_id = Uuid::random()};
  REQUIRE(write_meta_properties(fs, "/meta.properties", meta));
  CHECK(read_meta_properties(fs, "/meta.properties").value() == meta);
}

TEST_CASE("meta.properties without its parts or of another version is corrupt", "[checkpoint]") {
  for (const auto* odd : {"", "version=1\nnode.id=1\n", "version=1\ncluster.id=c\n", "node.id=1\ncluster.id=c\n",
                          "version=0\nbroker.id=1\ncluster.id=c\n", "version=2\nnode.id=1\ncluster.id=c\n",
                          "version=1\nnode.id=-1\ncluster.id=c\n", "version=1\nnode.id=x\ncluster.id=c\n",
                          "version=1\nnode.id=1\ncluster.id=\n", "version=1\nnode.id=1\ncluster.id=c\ndirectory.id=x\n",
                          "version=1\nnode.id=1\ncluster.id=\\u12x4\n"}) {
    CAPTURE(odd);
    const auto meta = parsed(odd);
    CHECK((!meta && meta.error() == Errc::corrupt_checkpoint));
  }
}

TEST_CASE("properties are read by Java's rules", "[checkpoint]") {
  const auto properties = parse_properties(
                              "# comment \\\n! another\r\n\n   \t\n  indented = value \r"
                              "colon:x\nblank   y=z\nlong=one \\\n   two\\\r\n\tthree\neven=a\\\\\nempty\n"
                              "k\\=e\\ y=v\\tw\\q\nunicode=\\u00e9\\u20AC\ntwice=1\ntwice=2\nlast=end\\")
                              .value();
  const std::map<std::string, std::string, std::less<>> expected{
      {"indented", "value "}, {"colon", "x"}, {"blank", "y=z"},   {"long", "one twothree"},
      {"even", "a\\"},        {"empty", ""},  {"k=e y", "v\twq"}, {"unicode", "\u00e9\u20ac"},
      {"twice", "2"},         {"last", "end"}};
  CHECK(properties == expected);
}

}  // namespace sluice::storage
