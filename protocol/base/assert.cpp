#include "protocol/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace sluice::detail {

void assertion_failed(const char* condition, const char* file, int line, const std::string& values) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s%s\n", file, line, condition, values.c_str());
  std::abort();
}

}  // namespace sluice::detail
