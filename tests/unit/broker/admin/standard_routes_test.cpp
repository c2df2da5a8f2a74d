#include "broker/admin/standard_routes.hpp"

#include <catch2/catch.hpp>
#include <chrono>

namespace sluice::broker::admin {

using namespace std::chrono_literals;

TEST_CASE("a thread is stuck once its last beat is older than the limit", "[admin]") {
  const Liveness::Clock::time_point start{};
  Liveness liveness(5s);
  CHECK_FALSE(liveness.find_stuck(start + 1h));

  auto& first = liveness.add("io-0", start);
  auto& second = liveness.add("io-1", start);
  CHECK_FALSE(liveness.find_stuck(start + 5s));
  CHECK(liveness.find_stuck(start + 6s) == "io-0");
  first.beat(start + 6s);
  CHECK(liveness.find_stuck(start + 6s) == "io-1");
  second.beat(start + 6s);
  CHECK_FALSE(liveness.find_stuck(start + 6s));
}

TEST_CASE("the standard pages tell health, readiness and metrics", "[admin]") {
  RouteTable routes;
  Liveness liveness(1min);
  Readiness readiness;
  const metrics::Exposition exposition;
  add_standard_routes(routes, liveness, readiness, exposition);

  SECTION("/healthz names a thread that is stuck") {
    auto& heart = liveness.add("io-3", Liveness::Clock::now() - 2min);
    CHECK(routes.dispatch({.path = "/healthz"}).status == 503);
    CHECK(routes.dispatch({.path = "/healthz"}).body == "stuck: io-3\n");
    heart.beat(Liveness::Clock::now());
    CHECK(routes.dispatch({.path = "/healthz"}).status == 200);
    CHECK(routes.dispatch({.path = "/healthz"}).body == "ok\n");
  }
  SECTION("/readyz says why not, before serving and after") {
    CHECK(routes.dispatch({.path = "/readyz"}).status == 503);
    CHECK(routes.dispatch({.path = "/readyz"}).body == "starting\n");
    readiness.set_ready();
    CHECK(routes.dispatch({.path = "/readyz"}).status == 200);
    readiness.set_not_ready("stopping");
    CHECK(routes.dispatch({.path = "/readyz"}).status == 503);
    CHECK(routes.dispatch({.path = "/readyz"}).body == "stopping\n");
  }
  SECTION("/metrics has the content type that Prometheus expects") {
    const auto answer = routes.dispatch({.path = "/metrics"});
    CHECK(answer.status == 200);
    CHECK(answer.content_type == "text/plain; version=0.0.4; charset=utf-8");
  }
}

}  // namespace sluice::broker::admin
