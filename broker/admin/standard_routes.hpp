#pragma once

#include "broker/admin/liveness.hpp"
#include "broker/admin/readiness.hpp"
#include "broker/admin/route_table.hpp"
#include "broker/metrics/exposition.hpp"

namespace sluice::broker::admin {

/// The pages that orchestrators and Prometheus ask for. The arguments outlive the table.
///
///   /healthz  200 "ok" while the watched threads turn, else 503 naming one that doesn't: restart the process
///   /readyz   200 "ok" while serving, else 503 with the reason: send no clients
///   /metrics  Prometheus text
void add_standard_routes(RouteTable& routes, const Liveness& liveness, const Readiness& readiness,
                         const metrics::Exposition& exposition);

}  // namespace sluice::broker::admin
