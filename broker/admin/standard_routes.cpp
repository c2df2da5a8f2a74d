#include "broker/admin/standard_routes.hpp"

namespace sluice::broker::admin {

void add_standard_routes(RouteTable& routes, const Liveness& liveness, const Readiness& readiness,
                         const metrics::Exposition& exposition) {
  routes.add(Method::get, "/healthz", [&liveness](const Request&) -> Response {
    const auto stuck = liveness.find_stuck(Liveness::Clock::now());
    if (stuck) return {.status = 503, .body = "stuck: " + *stuck + "\n"};
    return {.body = "ok\n"};
  });
  routes.add(Method::get, "/readyz", [&readiness](const Request&) -> Response {
    const auto reason = readiness.reason_not_ready();
    if (reason) return {.status = 503, .body = *reason + "\n"};
    return {.body = "ok\n"};
  });
  routes.add(Method::get, "/metrics", [&exposition](const Request&) -> Response {
    return {.body = exposition.text(), .content_type = metrics::Exposition::kContentType};
  });
}

}  // namespace sluice::broker::admin
