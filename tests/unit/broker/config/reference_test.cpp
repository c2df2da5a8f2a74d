#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "broker/config/load.hpp"

using namespace sluice::broker::config;

namespace {

std::filesystem::path reference_path() { return std::filesystem::path{SLUICE_SOURCE_DIR} / "config/sluice.properties"; }

}  // namespace

TEST_CASE("config/sluice.properties is what the table generates") {
  std::ifstream file{reference_path(), std::ios::binary};
  REQUIRE(file.is_open());
  const std::string committed{std::istreambuf_iterator<char>{file}, {}};
  INFO("tools/dev/write_config_reference writes it anew");
  CHECK((committed == render_reference()));
}

TEST_CASE("config/sluice.properties starts a broker as if nothing were given") {
  const auto from_file = load({.file = reference_path().string(), .assignments = {}, .cores = 4, .data_home = "/data"});
  for (const auto& error : from_file.errors) FAIL_CHECK(error.line);
  CHECK(from_file.warnings.empty());
  const auto bare = load({.file = std::nullopt, .assignments = {}, .cores = 4, .data_home = "/data"});
  CHECK(from_file.settings.listeners == bare.settings.listeners);
  CHECK(from_file.settings.log_dirs == bare.settings.log_dirs);
}
