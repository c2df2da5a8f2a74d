#pragma once

#include <functional>
#include <optional>
#include <string>

namespace sluice::broker::admin {

enum class Method { get, post, put, delete_ };

/// HEAD is answered as GET without the body, by the server; handlers don't see it.
struct Request {
  Method method = Method::get;
  std::string path = {};   ///< up to the `?`, as sent: percent-encoding is left alone
  std::string query = {};  ///< after the `?`; empty without
  std::string body = {};
};

struct Response {
  int status = 200;
  std::string body = {};
  std::string content_type = "text/plain; charset=utf-8";
  std::string allow = {};  ///< the Allow header, which goes with status 405
  /// For what takes a while: the answer is not known yet, and this is asked for it now and then, on the server's
  /// thread, until it has one. Must come to an end, and not throw.
  std::function<std::optional<Response>()> later = {};
};

/// Runs on the server's only thread, hence must not wait for anything slow: see Response::later. What it throws becomes
/// status 500.
using Handler = std::function<Response(const Request&)>;

}  // namespace sluice::broker::admin
