#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "broker/api/handler.hpp"
#include "broker/config/broker_config.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"
#include "tests/support/fake_cluster_state.hpp"

namespace sluice::test {

/// A FakeCluster behind the interfaces that handlers see; every change is durable and applied at once.
class FakeController final : public broker::controller::Controller, public broker::controller::ImageSource {
 public:
  explicit FakeController(FakeCluster& cluster) : cluster_(cluster) {}

  std::shared_ptr<const broker::controller::MetadataImage> image() const override {
    return std::make_shared<const broker::controller::MetadataImage>(cluster_.state.image());
  }
  void submit(broker::controller::ControllerRequest request,
              broker::controller::Answer<broker::controller::ControllerResponse> answer) override {
    std::visit(
        [&](const auto& body) {
          if constexpr (requires { cluster_.state.handle(body); }) {
            answer({.body = cluster_.handle(body)});
          } else {
            answer(refuse(request, protocol::ErrorCode::not_controller, "Not faked."));
          }
        },
        request.body);
  }

 private:
  FakeCluster& cluster_;
};

/// A broker for handlers that need only settings and metadata.
struct FakeBroker {
  explicit FakeBroker(std::int32_t brokers = 1) : cluster(brokers) {}

  /// What the handler of `Api` answers at once; nullopt when it gave no answer.
  template <class Api>
  std::optional<typename Api::Response> ask(typename Api::Request request, std::int16_t version = Api::versions.max) {
    return ask_later<Api>(std::move(request), version)->answer;
  }

  /// One request, and what was answered so far.
  template <class Api>
  struct Asked {
    broker::RequestContext context;
    std::optional<typename Api::Response> answer;
  };
  template <class Api>
  std::unique_ptr<Asked<Api>> ask_later(typename Api::Request request, std::int16_t version = Api::versions.max) {
    auto asked = std::make_unique<Asked<Api>>(Asked<Api>{.context = {.services = services,
                                                                     .connection = connection,
                                                                     .io_thread = unused<broker::IoThread>(),
                                                                     .api_key = Api::key,
                                                                     .api_version = version},
                                                         .answer = {}});
    auto sink = std::make_unique<Sink<Api>>(asked->context, asked->answer);
    broker::api::handle<Api>(request, asked->context, broker::Respond<typename Api::Response>{std::move(sink)});
    return asked;
  }
  void set_lost_brokers(broker::peer::LostBrokers& lost) { services.lost_brokers = &lost; }

  FakeCluster cluster;
  FakeController controller{cluster};
  broker::config::BrokerSettings settings;
  broker::config::BrokerConfig config;
  broker::ConnectionInfo connection{
      .id = 1, .listener_name = "PLAINTEXT", .peer_host = "127.0.0.1", .software_name = {}, .software_version = {}};

 private:
  template <class Api>
  struct Sink final : broker::ResponseSink {
    Sink(broker::RequestContext& given, std::optional<typename Api::Response>& into) : of(given), answered(into) {}
    broker::RequestContext& context() noexcept override { return of; }
    void answer(const void* message, std::vector<storage::LogSlice>) override {
      answered = *static_cast<const typename Api::Response*>(message);
    }
    void answer_nothing() override {}
    void abandon() override {}

    broker::RequestContext& of;
    std::optional<typename Api::Response>& answered;
  };

  /// A part that the handler under test never touches.
  template <class Part>
  Part& unused() {
    return *reinterpret_cast<Part*>(nothing_);
  }
  alignas(64) std::byte nothing_[64]{};  // some parts keep cache lines apart
  broker::Services services{.settings = settings,
                            .config = config,
                            .controller = controller,
                            .images = controller,
                            .partitions = unused<broker::replication::PartitionTable>(),
                            .mover = unused<broker::replication::ReplicaMover>(),
                            .fetch_sessions = unused<broker::fetch::FetchSessionCache>(),
                            .replica_fetches = unused<broker::fetch::ReplicaFetchSessions>(),
                            .groups = unused<broker::group::GroupCoordinatorDriver>(),
                            .producer_ids = unused<broker::ProducerIds>(),
                            .peers = unused<broker::peer::PeerService>(),
                            .metrics = unused<broker::metrics::BrokerMetrics>(),
                            .background = unused<broker::BlockingPool>()};
};

}  // namespace sluice::test
