#include "broker/admin/admin_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <thread>
#include <utility>

#include "broker/admin/http_session.hpp"
#include "protocol/base/assert.hpp"

namespace sluice::broker::admin {

using boost::asio::ip::tcp;

/// The server between start and stop. All but construction and destruction happens on `thread_`.
class AdminServer::Running {
 public:
  Running(const AdminOptions& options, const RouteTable& routes) : options_(options), routes_(routes) {}

  ~Running() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Result<std::uint16_t> listen() {
    boost::system::error_code error;
    const auto found = tcp::resolver(io_).resolve(options_.host, std::to_string(options_.port),
                                                  tcp::resolver::passive | tcp::resolver::numeric_service, error);
    if (error) return static_cast<std::error_code>(error);
    const tcp::endpoint endpoint = *found.begin();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
    if (error) return static_cast<std::error_code>(error);
    return acceptor_.local_endpoint().port();
  }

  void run() {
    accept();
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "admin");
      io_.run();
    });
  }

 private:
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
      if (error) return accept_later(error);
      if (connections_ < options_.connections_max) begin_session(std::move(socket));
      accept();
    });
  }

  // Out of descriptors, most likely: to try again at once would spin until somebody closes one.
  void accept_later(boost::system::error_code error) {
    spdlog::warn("admin server cannot accept a connection error=\"{}\"", error.message());
    retry_.expires_after(std::chrono::milliseconds{500});
    retry_.async_wait([this](boost::system::error_code) { accept(); });
  }

  void begin_session(tcp::socket socket) {
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    ++connections_;
    const SessionLimits limits{.header_bytes_max = options_.header_bytes_max,
                               .body_bytes_max = options_.body_bytes_max,
                               .timeout = options_.timeout};
    std::make_shared<HttpSession>(std::move(socket), routes_, limits, [this] { --connections_; })->run();
  }

  const AdminOptions& options_;
  const RouteTable& routes_;
  std::size_t connections_ = 0;
  boost::asio::io_context io_{1};  // its destructor ends the sessions, which use what is declared above
  tcp::acceptor acceptor_{io_};
  boost::asio::steady_timer retry_{io_};
  std::thread thread_;
};

AdminServer::AdminServer(AdminOptions options) : options_(std::move(options)) {}

AdminServer::~AdminServer() { stop(); }

Result<std::uint16_t> AdminServer::start() {
  SLUICE_ASSERT(!running_);
  auto running = std::make_unique<Running>(options_, routes_);
  const auto port = running->listen();
  if (!port) return port.error();
  running->run();
  running_ = std::move(running);
  return port;
}

void AdminServer::stop() { running_.reset(); }

}  // namespace sluice::broker::admin
