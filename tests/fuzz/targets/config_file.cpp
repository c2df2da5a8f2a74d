// A broker's properties file: parsing, and the judgement of every name and value in it.

#include "broker/config/load.hpp"
#include "broker/config/properties_file.hpp"
#include "tests/fuzz/allocation_limit.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kTableBytes = std::size_t{1} << 20;  // of the settings' own table, whatever the input
constexpr std::size_t kAssignmentsMax = 8;
constexpr std::size_t kJudgedOneIn = 16;  // a judgement of all settings costs far more than the parser

// The reference holds every setting, commented out.
const std::vector<std::string>& reference_lines() {
  static const auto lines = [] {
    std::vector<std::string> found;
    const auto text = broker::config::render_reference();
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find('\n', at), text.size());
      auto line = text.substr(at, end - at);
      if (line.starts_with('#') && line.find('=') != std::string::npos) line.erase(0, 1);
      found.push_back(std::move(line));
      at = end + 1;
    }
    return found;
  }();
  return lines;
}

}  // namespace

Bytes make_input(RandomBytes& random) {
  std::string text;
  for (auto left = 1 + random.below(4); left > 0; --left) {
    text += reference_lines()[random.below(reference_lines().size())];
    text += random.one_in(4) ? "\\\r\n\t" : "\n";
  }
  const auto bytes = as_byte_view(text);
  return {bytes.begin(), bytes.end()};
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::fuzz;
  const AllocationLimit limit{justified_by(size) + kTableBytes};
  const auto parsed = broker::config::parse_properties(as_text(std::as_bytes(std::span{data, size})));
  if (size % kJudgedOneIn != 0) return 0;
  broker::config::LoadOptions options;
  options.data_home = "/nowhere";
  for (const auto& property : parsed.properties) {
    if (options.assignments.size() == kAssignmentsMax) break;
    options.assignments.push_back(property.name + "=" + property.value);
  }
  static_cast<void>(broker::config::load(options));
  return 0;
}
