#pragma once

#include <sstream>
#include <string>

namespace sluice::detail {

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line, const std::string& values);

template <class... Values>
std::string join_values(const Values&... values) {
  std::ostringstream out;
  ((out << ' ' << values), ...);
  return out.str();
}

}  // namespace sluice::detail

/// An invariant of ours: on in release builds too; prints the values that follow the condition, then aborts.
/// Bad input is never an assertion.
#define SLUICE_ASSERT(condition, ...)                                                                                 \
  do {                                                                                                                \
    if (!(condition)) [[unlikely]]                                                                                    \
      ::sluice::detail::assertion_failed(#condition, __FILE__, __LINE__, ::sluice::detail::join_values(__VA_ARGS__)); \
  } while (false)
