#include "protocol/base/assert.hpp"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace sluice::detail {

void assertion_failed(const char* condition, const char* file, int line, const std::string& values) {
#ifdef SLUICE_PLANTED_BUGS
  throw std::logic_error(std::string{"assertion failed: "} + condition + values);  // noticed: a test goes on
#endif
  std::fprintf(stderr, "%s:%d: assertion failed: %s%s\n", file, line, condition, values.c_str());
  std::abort();
}

}  // namespace sluice::detail
