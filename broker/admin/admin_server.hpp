#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "broker/admin/http.hpp"
#include "broker/admin/route_table.hpp"
#include "protocol/base/result.hpp"

namespace sluice::broker::admin {

struct AdminOptions {
  std::string host = "127.0.0.1";  ///< an address or a name; whoever reaches it may ask everything
  std::uint16_t port = 0;          ///< 0: any free one
  std::size_t connections_max = 64;
  std::uint32_t header_bytes_max = 8 * 1024;
  std::uint64_t body_bytes_max = 64 * 1024;
  std::chrono::milliseconds timeout{10'000};  ///< for a request, idle time included, and for a response
};

/// HTTP for operators: health, metrics, console. One thread of its own, so that it answers while the broker is busy or
/// stuck, and so that a slow page costs no client of the broker anything.
///
/// Threading: `route` from anywhere at any time; start and stop from one thread.
class AdminServer {
 public:
  explicit AdminServer(AdminOptions options);
  ~AdminServer();  ///< stops
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  RouteTable& routes() noexcept { return routes_; }
  void route(std::string path, Handler handler) { routes_.add(Method::get, std::move(path), std::move(handler)); }

  /// Listens and begins to answer; returns the port. Errors: the name doesn't resolve, the address is taken.
  Result<std::uint16_t> start();

  /// Closes every connection, waits for a running handler. Does nothing when not started.
  void stop();

 private:
  class Running;

  const AdminOptions options_;
  RouteTable routes_;
  std::unique_ptr<Running> running_;
};

}  // namespace sluice::broker::admin
