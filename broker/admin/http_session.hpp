#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "broker/admin/route_table.hpp"

namespace sluice::broker::admin {

struct SessionLimits {
  std::uint32_t header_bytes_max = 8 * 1024;
  std::uint64_t body_bytes_max = 64 * 1024;
  std::chrono::milliseconds timeout{
      10'000};  ///< for a whole request, idle time before it included, and a whole response
};

/// One HTTP/1.1 connection: requests one after the other, each answered before the next is read. Lives in the handlers
/// of its operations, and on the only thread of their io_context.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  /// `on_end` is called by the destructor. `routes` outlives the session.
  HttpSession(boost::asio::ip::tcp::socket socket, const RouteTable& routes, SessionLimits limits,
              std::function<void()> on_end);
  ~HttpSession();
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  void run() { read_request(); }

 private:
  using Body = boost::beast::http::string_body;
  using Parser = boost::beast::http::request_parser<Body>;
  using Message = boost::beast::http::response<Body>;
  using Serializer = boost::beast::http::response_serializer<Body>;

  void read_request();
  void on_request(boost::system::error_code error);
  Response answer_to(const Parser::value_type& message) const;
  void write_when_known(Response response, unsigned version, bool keep_alive, bool head);
  void write_response(Response response, unsigned version, bool keep_alive, bool head);
  void on_response(boost::system::error_code error, bool keep_alive);
  void finish();
  void discard_input();

  boost::beast::tcp_stream stream_;
  const RouteTable& routes_;
  const SessionLimits limits_;
  const std::function<void()> on_end_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;  // a parser serves one message
  Message response_;
  std::optional<Serializer> serializer_;
  boost::asio::steady_timer asking_;
};

}  // namespace sluice::broker::admin
