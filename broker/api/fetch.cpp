#include <algorithm>

#include "broker/api/handler.hpp"
#include "broker/fetch/fetch_operation.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// API 1. Records from the log, waiting for them where the client asks for it (KIP-227 sessions, KIP-320 fencing).
template <>
void handle<protocol::Fetch>(protocol::FetchRequest& request, RequestContext& context,
                             Respond<protocol::FetchResponse> respond) {
  auto& services = context.services;
  auto plan = services.fetch_sessions.begin(request, context.api_version, std::chrono::steady_clock::now());
  if (plan.error != protocol::ErrorCode::none) {
    protocol::FetchResponse refused;
    refused.error_code = plan.error;
    return respond(refused);
  }
  const fetch::FetchLimits limits{
      .bytes_min = request.min_bytes,
      .bytes_max = std::min(request.max_bytes, services.settings.fetch_max_bytes),
      .wait_max = std::chrono::milliseconds{request.max_wait_ms},
      .read_committed = request.isolation_level == 1,
      .by_topic_id = context.api_version >= 13,
      .zstd_readable = context.api_version >= 10,
      .names_leader = context.api_version >= 12,
  };
  std::make_shared<fetch::FetchOperation>(services, context.io_thread, std::move(plan), limits, std::move(respond))
      ->start();
}

}  // namespace sluice::broker::api
