#pragma once

#include <string>
#include <string_view>

#include "tests/support/batches.hpp"

namespace sluice::test {

/// The bytes of `tests/captures/<name>`, a file of hexadecimal digits and white space. Throws if there is none.
Bytes read_hex_capture(std::string_view name);

}  // namespace sluice::test
