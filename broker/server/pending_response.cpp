#include "broker/server/pending_response.hpp"

#include <chrono>
#include <memory>

#include "broker/api/registry.hpp"
#include "broker/metrics/broker_metrics.hpp"
#include "broker/server/connection.hpp"
#include "broker/services.hpp"
#include "protocol/messages/api_versions.hpp"
#include "protocol/messages/request_header.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::broker {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kSizePrefix = 4;
/// Records are views into the frame; everything else is decoded, and a list of tiny items takes many times its size.
constexpr std::size_t kRecordlessBytesMax = 16U << 20;

/// Response header v0 is the correlation id alone; v1 adds tagged fields, of which there are none. ApiVersions answers
/// v0 always, so that a client that guessed its version too high can read the refusal (KIP-511).
bool has_tagged_header(const api::ApiEntry& api, std::int16_t version) {
  return api.key != protocol::ApiKey::api_versions && version >= api.first_flexible_version;
}

/// One request that was read and is not answered: remembers how to encode the answer, and where it belongs.
class PendingResponse final : public ResponseSink {
 public:
  PendingResponse(std::shared_ptr<Connection> connection, ResponseQueue::Slot slot, const api::ApiEntry& api,
                  std::int32_t correlation_id, RequestContext context)
      : connection_(std::move(connection)),
        slot_(slot),
        api_(api),
        correlation_id_(correlation_id),
        context_(std::move(context)),
        started_(Clock::now()) {}

  /// An answer that could not even be encoded must not leave its slot open, and all later answers behind it.
  ~PendingResponse() override {
    if (!settled_) abandon();
  }

  RequestContext& context() noexcept override { return context_; }

  void answer(const void* message, std::vector<storage::LogSlice> slices) override {
    auto encoded = encode(message, std::move(slices));
    count(message, encoded);
    settled_ = true;
    connection_->complete(slot_, std::move(encoded));
  }

  void answer_nothing() override {
    settled_ = true;
    connection_->complete(slot_, std::nullopt);
  }
  void abandon() override {
    settled_ = true;
    connection_->abandon(slot_);
  }

 private:
  OutgoingResponse encode(const void* message, std::vector<storage::LogSlice> slices) const {
    const auto version = context_.api_version;
    const bool tagged = has_tagged_header(api_, version);
    wire::Writer writer;
    writer.reserve(kSizePrefix + sizeof correlation_id_ + (tagged ? 1 : 0) + api_.encoded_size(message, version));
    writer.int32(0);  // the size, once it is known
    writer.int32(correlation_id_);
    if (tagged) writer.varint(0);
    api_.encode(message, version, writer);
    const auto size = writer.size() - kSizePrefix + writer.spliced_size();
    store_be(writer.mutable_bytes().data(), static_cast<std::int32_t>(size));
    OutgoingResponse response{.splices = {writer.splices().begin(), writer.splices().end()},
                              .slices = std::move(slices)};
    SLUICE_ASSERT(response.splices.size() == response.slices.size(), api_.name);
    response.bytes = writer.take();
    return response;
  }

  void count(const void* message, const OutgoingResponse& encoded) const {
    const auto key = static_cast<std::int16_t>(api_.key);
    auto& all = context_.services.metrics;
    auto& metrics = all.api(key);
    std::uint64_t sliced = 0;
    for (const auto& slice : encoded.slices) sliced += slice.size;
    metrics.response_bytes.add(encoded.bytes.size() + sliced);
    metrics.latency.observe(Clock::now() - started_);
    if (api_.key == protocol::ApiKey::fetch) all.fetched_bytes_total.add(encoded.bytes.size() + sliced);
    struct Sum {
      metrics::BrokerMetrics& metrics;
      std::int16_t key;
    } sum{all, key};
    api_.visit_errors(
        message,
        [](void* to, std::int16_t error) {
          static_cast<Sum*>(to)->metrics.count_error(static_cast<Sum*>(to)->key, error);
        },
        &sum);
  }

  std::shared_ptr<Connection> connection_;
  ResponseQueue::Slot slot_;
  const api::ApiEntry& api_;
  std::int32_t correlation_id_;
  RequestContext context_;
  Clock::time_point started_;
  bool settled_ = false;
};

/// What needs no partitions, nor the newest metadata: asked of a node that is starting, or waits for its cluster.
bool is_answered_early(const api::ApiEntry& api) {
  return api::is_peer_key(static_cast<std::int16_t>(api.key)) || api.key == protocol::ApiKey::api_versions ||
         api.key == protocol::ApiKey::describe_quorum;
}

/// KIP-511: a version of ApiVersions that we do not know is answered in version 0, with the range that we do.
void refuse_api_versions(ResponseSink& sink, const api::ApiEntry& api) {
  protocol::ApiVersionsResponse refusal;
  refusal.error_code = protocol::ErrorCode::unsupported_version;
  auto& range = refusal.api_keys.emplace_back();
  range.api_key = static_cast<std::int16_t>(api.key);
  range.min_version = api.min_version;
  range.max_version = api.max_version;
  sink.context().api_version = 0;
  sink.answer(&refusal, {});
}

}  // namespace

const char* start_request(Connection& connection, Services& services, ResponseQueue& responses, MutableBytes frame) {
  constexpr std::size_t kKeyAndVersion = 4;
  if (frame.size() < kKeyAndVersion) return "request header cut short";
  const auto key = load_be<std::int16_t>(frame.data());
  const auto version = load_be<std::int16_t>(frame.data() + 2);
  const auto* api = api::find(key);
  if (api == nullptr) return "request of an API that is not served";
  if (api::is_peer_key(key) && !connection.info().for_peers) return "request of other nodes on a listener for clients";
  if (!services.serves_clients.load(std::memory_order_relaxed) && !is_answered_early(*api)) {
    connection.close("not serving yet");
    return nullptr;
  }
  const bool served = version >= api->min_version && version <= api->max_version;
  const bool refused_politely = !served && api->key == protocol::ApiKey::api_versions;
  if (!served && !refused_politely) return "request of an API version that is not served";
  if (api->key != protocol::ApiKey::produce && frame.size() > kRecordlessBytesMax)
    return "request without records too large";

  wire::Reader reader{frame};
  protocol::RequestHeader header;
  const std::int16_t header_version = version >= api->first_flexible_version ? 2 : 1;
  // Of a version to come only the first fields of the header are certain, and enough.
  if (!decode(reader, refused_politely ? 1 : header_version, header) || !reader.ok()) return "request header malformed";

  auto& metrics = services.metrics.api(key);
  metrics.requests.add();
  metrics.request_bytes.add(frame.size() + kSizePrefix);
  std::unique_ptr<ResponseSink> sink = std::make_unique<PendingResponse>(
      connection.shared_from_this(), responses.open(), *api, header.correlation_id,
      RequestContext{.services = services,
                     .connection = connection.info(),
                     .io_thread = connection.thread(),
                     .api_key = api->key,
                     .api_version = version,
                     .client_id = std::move(header.client_id).value_or(std::string{})});
  if (refused_politely) {
    refuse_api_versions(*sink, *api);
    return nullptr;
  }
  return api->handle(reader, version, sink) ? nullptr : "request body malformed";
}

}  // namespace sluice::broker
