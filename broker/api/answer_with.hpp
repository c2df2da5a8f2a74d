#pragma once

#include <memory>
#include <utility>

#include "broker/server/respond.hpp"

namespace sluice::broker::api {

/// `respond` as a copyable callback, for interfaces that take a std::function. Called at most once.
template <class Response>
auto answer_with(Respond<Response> respond) {
  return [shared = std::make_shared<Respond<Response>>(std::move(respond))](const Response& response) {
    (*shared)(response);
  };
}

}  // namespace sluice::broker::api
