#include "broker/admin/route_table.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>

namespace sluice::broker::admin {

TEST_CASE("a request goes to the handler of its path and method", "[admin]") {
  RouteTable routes;
  routes.add(Method::get, "/a", [](const Request&) -> Response { return {.body = "get a"}; });
  routes.add(Method::post, "/a", [](const Request& request) -> Response { return {.body = "post " + request.body}; });

  CHECK(routes.dispatch({.path = "/a"}).body == "get a");
  CHECK(routes.dispatch({.method = Method::post, .path = "/a", .body = "x"}).body == "post x");
}

TEST_CASE("a path matches as a whole", "[admin]") {
  RouteTable routes;
  routes.add(Method::get, "/a", [](const Request&) -> Response { return {}; });
  for (const char* path : {"/", "/a/", "/a/b", "/A", "a", ""}) {
    CAPTURE(path);
    CHECK(routes.dispatch({.path = path}).status == 404);
  }
}

TEST_CASE("a method that a path lacks is answered with those it has", "[admin]") {
  RouteTable routes;
  routes.add(Method::get, "/a", [](const Request&) -> Response { return {}; });
  routes.add(Method::delete_, "/a", [](const Request&) -> Response { return {}; });

  const auto answer = routes.dispatch({.method = Method::put, .path = "/a"});
  CHECK(answer.status == 405);
  CHECK(answer.allow == "GET, HEAD, DELETE");
}

TEST_CASE("a handler that throws is answered with 500", "[admin]") {
  RouteTable routes;
  routes.add(Method::get, "/a", [](const Request&) -> Response { throw std::runtime_error("secret"); });

  const auto answer = routes.dispatch({.path = "/a"});
  CHECK(answer.status == 500);
  CHECK(answer.body.find("secret") == std::string::npos);
}

TEST_CASE("a handler may add a route", "[admin]") {
  RouteTable routes;
  routes.add(Method::get, "/a", [&routes](const Request&) -> Response {
    routes.add(Method::get, "/b", [](const Request&) -> Response { return {.body = "b"}; });
    return {};
  });
  routes.dispatch({.path = "/a"});
  CHECK(routes.dispatch({.path = "/b"}).body == "b");
}

}  // namespace sluice::broker::admin
