#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "broker/admin/http.hpp"

namespace sluice::broker::admin {

/// Which handler answers which path. Paths match as a whole.
///
/// Threading: routes may be added while requests are dispatched.
class RouteTable {
 public:
  /// Pre: `path` begins with `/`, and has no handler for `method` yet.
  void add(Method method, std::string path, Handler handler);

  /// The handler's answer; 404 for a path without one, 405 for a path that has other methods only, 500 when it throws.
  Response dispatch(const Request& request) const;

 private:
  using Methods = std::map<Method, std::shared_ptr<const Handler>>;

  mutable std::mutex mutex_;
  std::map<std::string, Methods, std::less<>> routes_;
};

}  // namespace sluice::broker::admin
