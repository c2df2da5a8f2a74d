#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "protocol/base/result.hpp"

/// Lets CHECK(result) stand for success whatever the result's value; Boost's own operator<< needs it streamable.
template <class T>
struct Catch::StringMaker<boost::system::result<T, std::error_code>> {
  static std::string convert(const boost::system::result<T, std::error_code>& result) {
    return result ? std::string{"a value"} : "error: " + result.error().message();
  }
};
