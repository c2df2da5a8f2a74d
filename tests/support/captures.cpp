#include "tests/support/captures.hpp"

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace sluice::test {
namespace {

int digit_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  throw std::runtime_error{"not a hexadecimal digit"};
}

}  // namespace

Bytes read_hex_capture(std::string_view name) {
  const auto path = std::filesystem::path{SLUICE_CAPTURES} / name;
  std::ifstream file{path};
  if (!file) throw std::runtime_error{"no capture " + path.string()};
  Bytes bytes;
  for (char high{}, low{}; file >> high >> low;) {
    bytes.push_back(static_cast<std::byte>(digit_value(high) * 16 + digit_value(low)));
  }
  return bytes;
}

}  // namespace sluice::test
