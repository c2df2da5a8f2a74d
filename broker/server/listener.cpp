#include "broker/server/listener.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <spdlog/spdlog.h>

namespace sluice::broker {
namespace {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr std::chrono::milliseconds kRetryAfter{100};  // after running out of descriptors

Result<tcp::endpoint> resolve(boost::asio::io_context& context, const std::string& host, std::uint16_t port) {
  if (host.empty()) return tcp::endpoint{tcp::v6(), port};
  ErrorCode error;
  tcp::resolver resolver{context};
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error);
  if (error) return std::error_code{error};
  return found.begin()->endpoint();
}

}  // namespace

Listener::Listener(std::string name, IoThread& home, NextThread next_thread, OnAccept on_accept)
    : name_(std::move(name)),
      home_(home),
      next_thread_(std::move(next_thread)),
      on_accept_(std::move(on_accept)),
      acceptor_(home.context()) {}

Result<> Listener::open(const std::string& host, std::uint16_t port, int backlog) {
  auto endpoint = resolve(home_.context(), host, port);
  if (!endpoint) return endpoint.error();
  ErrorCode error;
  acceptor_.open(endpoint->protocol(), error);
  if (error && host.empty()) {  // a machine without IPv6
    *endpoint = tcp::endpoint{tcp::v4(), port};
    acceptor_.open(endpoint->protocol(), error);
  }
  if (error) return std::error_code{error};
  if (host.empty() && endpoint->protocol() == tcp::v6()) acceptor_.set_option(boost::asio::ip::v6_only{false}, error);
  acceptor_.set_option(tcp::acceptor::reuse_address{true}, error);
  acceptor_.bind(*endpoint, error);
  if (!error) acceptor_.listen(backlog, error);
  if (error) return std::error_code{error};
  return {};
}

std::uint16_t Listener::port() const {
  ErrorCode ignored;
  return acceptor_.local_endpoint(ignored).port();
}

void Listener::start() {
  home_.post([this] { accept(); });
}

void Listener::stop() {
  retry_.reset();
  ErrorCode ignored;
  acceptor_.close(ignored);
}

void Listener::accept() {
  auto& thread = next_thread_();
  acceptor_.async_accept(thread.context(), [this, &thread](ErrorCode error, Socket socket) {
    if (error == boost::asio::error::operation_aborted) return;
    if (!error) {
      on_accept_(std::move(socket), thread);
      return accept();
    }
    // Out of descriptors or memory: trying again at once would only burn the processor.
    spdlog::warn("listener={} can't accept: {}", name_, error.message());
    retry_ = home_.after(kRetryAfter, [this] { accept(); });
  });
}

}  // namespace sluice::broker
