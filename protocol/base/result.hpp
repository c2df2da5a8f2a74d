#pragma once

#include <boost/system/result.hpp>
#include <system_error>

namespace sluice {

/// The world may fail: a value, or the code of what went wrong. Context (path, position) is logged once, where the
/// error is detected; above that the code travels alone.
template <class T = void>
using Result = boost::system::result<T, std::error_code>;

}  // namespace sluice
