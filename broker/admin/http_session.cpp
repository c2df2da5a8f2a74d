#include "broker/admin/http_session.hpp"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <string_view>
#include <utility>

namespace sluice::broker::admin {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::chrono::milliseconds kAskInterval{10};

std::optional<Method> method_of(http::verb verb) {
  switch (verb) {
    case http::verb::get:
    case http::verb::head: return Method::get;
    case http::verb::post: return Method::post;
    case http::verb::put: return Method::put;
    case http::verb::delete_: return Method::delete_;
    default: return std::nullopt;
  }
}

/// The answer to bytes that are no acceptable request; nothing when the peer is gone or too slow.
std::optional<Response> refusal_of(boost::system::error_code error) {
  if (error == http::error::header_limit) return Response{.status = 431, .body = "request header too large\n"};
  if (error == http::error::body_limit) return Response{.status = 413, .body = "request body too large\n"};
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  static const auto& http_category = make_error_code(http::error::bad_method).category();
  if (error.category() == http_category) return Response{.status = 400, .body = "bad request\n"};
  return std::nullopt;
}

}  // namespace

HttpSession::HttpSession(boost::asio::ip::tcp::socket socket, const RouteTable& routes, SessionLimits limits,
                         std::function<void()> on_end)
    : stream_(std::move(socket)),
      routes_(routes),
      limits_(limits),
      on_end_(std::move(on_end)),
      buffer_(limits.header_bytes_max + limits.body_bytes_max),
      asking_(stream_.get_executor()) {}

HttpSession::~HttpSession() { on_end_(); }

void HttpSession::read_request() {
  parser_.emplace();
  parser_->header_limit(limits_.header_bytes_max);
  parser_->body_limit(limits_.body_bytes_max);
  stream_.expires_after(limits_.timeout);
  http::async_read(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](boost::system::error_code error, std::size_t) { self->on_request(error); });
}

void HttpSession::on_request(boost::system::error_code error) {
  if (error) {
    constexpr unsigned kHttp11 = 11;
    if (auto refusal = refusal_of(error)) return write_response(std::move(*refusal), kHttp11, false, false);
    return finish();
  }
  const auto& message = parser_->get();
  write_when_known(answer_to(message), message.version(), message.keep_alive(), message.method() == http::verb::head);
}

void HttpSession::write_when_known(Response response, unsigned version, bool keep_alive, bool head) {
  if (response.later) {
    if (auto known = response.later()) response = std::move(*known);
  }
  if (!response.later) return write_response(std::move(response), version, keep_alive, head);
  asking_.expires_after(kAskInterval);
  asking_.async_wait([self = shared_from_this(), response = std::move(response), version, keep_alive,
                      head](boost::system::error_code error) mutable {
    if (!error) self->write_when_known(std::move(response), version, keep_alive, head);
  });
}

Response HttpSession::answer_to(const Parser::value_type& message) const {
  const auto method = method_of(message.method());
  if (!method) return {.status = 501, .body = "method not implemented\n"};
  const std::string_view target{message.target().data(), message.target().size()};
  const auto mark = target.find('?');
  Request request{.method = *method, .path = std::string(target.substr(0, mark)), .query = {}, .body = message.body()};
  if (mark != std::string_view::npos) request.query = target.substr(mark + 1);
  return routes_.dispatch(request);
}

void HttpSession::write_response(Response response, unsigned version, bool keep_alive, bool head) {
  response_ = Message{static_cast<http::status>(response.status), version};
  response_.set(http::field::content_type, response.content_type);
  // A page of this server is for its caller alone: no cache keeps it, no browser guesses another type.
  response_.set(http::field::cache_control, "no-store");
  response_.set("X-Content-Type-Options", "nosniff");
  if (!response.allow.empty()) response_.set(http::field::allow, response.allow);
  response_.keep_alive(keep_alive);
  response_.body() = std::move(response.body);
  response_.prepare_payload();
  serializer_.emplace(response_);
  stream_.expires_after(limits_.timeout);
  auto then = [self = shared_from_this(), keep_alive](boost::system::error_code error, std::size_t) {
    self->on_response(error, keep_alive);
  };
  if (head) return http::async_write_header(stream_, *serializer_, std::move(then));
  http::async_write(stream_, *serializer_, std::move(then));
}

void HttpSession::on_response(boost::system::error_code error, bool keep_alive) {
  if (error || !keep_alive) return finish();
  read_request();
}

// Closing with unread input would reset the connection and may take the response with it, so input is read and thrown
// away until the peer closes or the time is up.
void HttpSession::finish() {
  boost::system::error_code ignored;
  stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  stream_.expires_after(std::min<std::chrono::milliseconds>(limits_.timeout, std::chrono::seconds{1}));
  discard_input();
}

void HttpSession::discard_input() {
  buffer_.clear();
  constexpr std::size_t kChunkBytes = 4096;
  stream_.async_read_some(buffer_.prepare(kChunkBytes),
                          [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                            if (!error) self->discard_input();
                          });
}

}  // namespace sluice::broker::admin
