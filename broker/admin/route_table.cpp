#include "broker/admin/route_table.hpp"

#include <exception>
#include <spdlog/spdlog.h>
#include <utility>

#include "protocol/base/assert.hpp"

namespace sluice::broker::admin {
namespace {

const char* name_of(Method method) {
  switch (method) {
    case Method::get: return "GET, HEAD";
    case Method::post: return "POST";
    case Method::put: return "PUT";
    case Method::delete_: return "DELETE";
  }
  return "";
}

Response call(const Handler& handler, const Request& request) {
  try {
    return handler(request);
  } catch (const std::exception& error) {
    spdlog::error("admin request failed path={} error=\"{}\"", request.path, error.what());
    return {.status = 500, .body = "internal error; the log says more\n"};
  }
}

}  // namespace

void RouteTable::add(Method method, std::string path, Handler handler) {
  SLUICE_ASSERT(path.starts_with('/'), path);
  const std::lock_guard lock(mutex_);
  const auto added = routes_[path].emplace(method, std::make_shared<const Handler>(std::move(handler))).second;
  SLUICE_ASSERT(added, name_of(method), path);
}

Response RouteTable::dispatch(const Request& request) const {
  std::shared_ptr<const Handler> handler;
  {
    const std::lock_guard lock(mutex_);
    const auto route = routes_.find(request.path);
    if (route == routes_.end()) return {.status = 404, .body = "no such page\n"};
    const auto& methods = route->second;
    if (const auto found = methods.find(request.method); found != methods.end()) {
      handler = found->second;
    } else {
      std::string allow;
      for (const auto& [method, unused] : methods) allow.append(allow.empty() ? "" : ", ").append(name_of(method));
      return {.status = 405, .body = "method not allowed\n", .allow = std::move(allow)};
    }
  }
  return call(*handler, request);
}

}  // namespace sluice::broker::admin
