#include "broker/broker.hpp"

#include <atomic>
#include <future>
#include <mutex>
#include <spdlog/spdlog.h>
#include <utility>

#include "broker/admin/admin_server.hpp"
#include "broker/admin/standard_routes.hpp"
#include "broker/api/registry.hpp"
#include "broker/identity/node_identity.hpp"
#include "broker/metrics/broker_metrics.hpp"
#include "broker/metrics/exposition.hpp"
#include "broker/metrics/process_metrics.hpp"
#include "broker/node/cluster_health.hpp"
#include "broker/node/cluster_metrics.hpp"
#include "broker/node/cluster_node.hpp"
#include "broker/node/cluster_page.hpp"
#include "broker/node/data_plane.hpp"
#include "broker/node/node_peer_service.hpp"
#include "broker/server/blocking_pool.hpp"
#include "broker/server/server.hpp"
#include "broker/services.hpp"
#include "broker/thread_pulse.hpp"

namespace sluice::broker {
namespace {

std::vector<metrics::NumberName> api_names() {
  std::vector<metrics::NumberName> names;
  for (const auto& entry : api::entries()) names.emplace_back(static_cast<std::int16_t>(entry.key), entry.name);
  for (const auto& entry : api::peer_entries()) names.emplace_back(static_cast<std::int16_t>(entry.key), entry.name);
  return names;
}

std::vector<metrics::NumberName> error_names() {
  std::vector<metrics::NumberName> names;
  const auto max = static_cast<int>(protocol::kErrorCodeMax);
  for (int code = static_cast<int>(protocol::kErrorCodeMin); code <= max; ++code) {
    names.emplace_back(static_cast<std::int16_t>(code), protocol::name(static_cast<protocol::ErrorCode>(code)));
  }
  return names;
}

/// What `sluice cluster snapshot` asks for.
admin::Response write_snapshot(node::ClusterNode& cluster) {
  constexpr auto kWithin = std::chrono::seconds{5};
  auto promise = std::make_shared<std::promise<Result<raft::LogIndex>>>();
  auto outcome = promise->get_future().share();
  cluster.raft().take_snapshot(
      [promise = std::move(promise)](const Result<raft::LogIndex>& index) { promise->set_value(index); });
  const auto until = std::chrono::steady_clock::now() + kWithin;
  admin::Response response;
  response.later = [outcome = std::move(outcome), until]() -> std::optional<admin::Response> {
    if (outcome.wait_for(std::chrono::seconds{0}) != std::future_status::ready) {
      if (std::chrono::steady_clock::now() < until) return std::nullopt;
      return admin::Response{.status = 503, .body = "still being written\n"};
    }
    try {
      const auto& index = outcome.get();
      if (!index) return admin::Response{.status = 500, .body = index.error().message() + "\n"};
      return admin::Response{.body = "snapshot up to entry " + std::to_string(index->value()) + "\n"};
    } catch (const std::future_error&) {  // dropped with what the node had to do
      return admin::Response{.status = 503, .body = "stopping\n"};
    }
  };
  return response;
}

}  // namespace

struct Broker::Parts {
  Parts(config::LoadedConfig given, storage::FileSystem& fs)
      : files(fs),
        loaded(std::move(given)),
        config(std::make_shared<const config::BrokerConfig>(loaded.config)),
        settings(loaded.settings),
        metrics(std::make_shared<metrics::BrokerMetrics>(api_names(), error_names(), SLUICE_VERSION)),
        server(settings),
        background_pool(static_cast<unsigned>(settings.background_threads), "sluice-bg",
                        BlockingPool::Priority::background),
        data({.files = files, .settings = settings, .config = *config, .metrics = *metrics, .server = server}) {}

  bool start();
  bool find_identity();
  bool make_cluster();
  void make_services();
  bool join_cluster();
  bool open_admin();
  void stop(bool graceful);
  void fail(const std::string& why);
  void interrupt();
  controller::RegisterBrokerRequest registration() const;

  storage::FileSystem& files;
  config::LoadedConfig loaded;
  std::shared_ptr<const config::BrokerConfig> config;
  const config::BrokerSettings& settings;
  std::shared_ptr<metrics::BrokerMetrics> metrics;
  metrics::Exposition exposition;
  admin::Readiness readiness;
  admin::Liveness liveness{std::chrono::seconds{10}};

  identity::NodeIdentity identity;
  Server server;
  BlockingPool background_pool;
  node::DataPlane data;
  std::unique_ptr<node::ClusterNode> cluster;
  std::unique_ptr<node::NodePeerService> peers;
  std::unique_ptr<node::ClusterHealthCount> cluster_health;
  std::unique_ptr<Services> services;
  std::unique_ptr<ThreadPulse> pulse;
  std::unique_ptr<admin::AdminServer> admin_server;

  std::function<void()> on_fatal = [] {};
  std::atomic<bool> interrupted{false};
  std::mutex cluster_mutex;  // of `cluster` for those who nudge it
  bool server_started = false;
  bool stopped = false;
};

void Broker::Parts::interrupt() {
  interrupted.store(true);
  const std::lock_guard lock{cluster_mutex};
  if (cluster) cluster->nudge();
}

void Broker::Parts::fail(const std::string& why) {
  if (interrupted.exchange(true)) return;
  spdlog::critical("{}", why);
  on_fatal();
  interrupt();  // who waits for the cluster waits in vain
}

bool Broker::Parts::find_identity() {
  auto decided = identity::decide_identity(files, settings, [this] { return interrupted.load(); });
  if (!decided) return false;
  identity = std::move(*decided);
  loaded.settings.node_id = identity.node_id;
  if (!identity.advice.empty()) spdlog::warn("{}", identity.advice);
  return true;
}

controller::RegisterBrokerRequest Broker::Parts::registration() const {
  controller::RegisterBrokerRequest request;
  request.cluster_id = identity.cluster_id;
  auto& self = request.broker;
  self.id = settings.node_id;
  if (!settings.rack.empty()) self.rack = settings.rack;
  for (const auto& listener : settings.listeners) {
    const auto& advertised = settings.advertised_listeners.at(listener.name);
    self.endpoints.push_back({.listener_name = listener.name,
                              .host = advertised.host,
                              .port = advertised.port != 0 ? advertised.port : server.port_of(listener.name),
                              .security_protocol = std::string{to_string(listener.security_protocol)}});
  }
  self.incarnation = Uuid::random();
  self.directories = data.directory_ids();
  self.capacity = settings.cluster.capacity;
  self.is_controller = settings.cluster.is_controller;
  self.was_shut_down_cleanly = data.was_shut_down_cleanly();
  return request;
}

bool Broker::Parts::make_cluster() {
  const auto port_of = [this](const std::string& listener) { return server.port_of(listener); };
  node::ClusterNode::Options options{.settings = settings,
                                     .config = config,
                                     .identity = identity,
                                     .files = data.logs().file_system(),
                                     .metadata_directory = settings.cluster.metadata_log_dir,
                                     .directory_id = data.logs().directory_id(),
                                     .quorum_address = identity::own_quorum_address(settings, port_of),
                                     .registration = {},
                                     .on_fatal = [this](const std::string& why) { fail(why); }};
  if (options.metadata_directory.empty()) options.metadata_directory = settings.log_dirs.front();
  if (settings.cluster.is_broker) options.registration = registration();
  auto made = std::make_unique<node::ClusterNode>(std::move(options));
  if (!made->open()) return false;
  const std::lock_guard lock{cluster_mutex};
  cluster = std::move(made);
  return true;
}

void Broker::Parts::make_services() {
  data.connect(*cluster);
  peers = std::make_unique<node::NodePeerService>(*cluster, data.replica_progress());
  services.reset(new Services{.settings = settings,
                              .config = *config,
                              .controller = cluster->controller(),
                              .images = cluster->publisher(),
                              .partitions = data.partitions(),
                              .mover = data.mover(),
                              .fetch_sessions = data.fetch_sessions(),
                              .replica_fetches = data.replica_fetches(),
                              .groups = data.groups(),
                              .producer_ids = data.producer_ids(),
                              .peers = *peers,
                              .metrics = *metrics,
                              .background = background_pool,
                              .quorum = cluster.get(),
                              .lost_brokers = &cluster->lost_brokers()});
  services->serves_clients.store(false);
}

/// Waits for the others where it has to: there are none where this node is alone.
bool Broker::Parts::join_cluster() {
  const auto give_up = [this] { return interrupted.load(); };
  if (!cluster->wait_until_founded(give_up)) return false;
  if (!data.adopt_cluster_id(cluster->publisher().image()->cluster_id())) return false;
  if (settings.cluster.is_broker) {
    cluster->join();
    if (!cluster->wait_until_registered(give_up)) return false;
    if (!data.load()) return false;
    services->serves_clients.store(true);
    if (!cluster->wait_until_unfenced(give_up)) return false;
    data.start();
  }
  services->serves_clients.store(true);
  return true;
}

bool Broker::Parts::open_admin() {
  exposition.add(metrics);
  exposition.add(std::make_shared<metrics::ProcessMetrics>());
  cluster_health = std::make_unique<node::ClusterHealthCount>(*config, settings.node_id);
  exposition.add(std::make_shared<node::ClusterMetrics>(*cluster, *cluster_health));
  metrics->request_memory_bytes.pull_from([this] { return static_cast<double>(server.memory().in_use()); });
  if (!settings.admin_listener) return true;
  const auto& wanted = *settings.admin_listener;
  admin_server = std::make_unique<admin::AdminServer>(admin::AdminOptions{.host = wanted.host, .port = wanted.port});
  add_standard_routes(admin_server->routes(), liveness, readiness, exposition);
  admin_server->route("/cluster", [this](const admin::Request& request) -> admin::Response {
    constexpr std::string_view kTopic = "topic=";
    const std::string topic = request.query.starts_with(kTopic) ? request.query.substr(kTopic.size()) : "";
    return {.body = node::render_cluster(*cluster, *cluster_health, topic), .content_type = "application/json"};
  });
  admin_server->routes().add(admin::Method::post, "/cluster/snapshot",
                             [this](const admin::Request&) { return write_snapshot(*cluster); });
  if (const auto port = admin_server->start(); port) {
    spdlog::info("admin page on http://{}:{}/", wanted.host, *port);
  } else if (wanted.required) {
    spdlog::critical("sluice.admin.listener {}:{} can't be opened: {}", wanted.host, wanted.port,
                     port.error().message());
    return false;
  } else {
    spdlog::warn("no admin page: {}:{} can't be opened: {}", wanted.host, wanted.port, port.error().message());
  }
  return true;
}

bool Broker::Parts::start() {
  if (!find_identity() || !data.open_directories(identity)) return false;
  if (!server.open_listeners()) return false;
  if (!make_cluster()) return false;
  make_services();
  if (!open_admin()) return false;
  server.start(*services);
  server_started = true;
  pulse = std::make_unique<ThreadPulse>(server.threads(), liveness, metrics->event_loop_lag);
  cluster->start();
  if (!join_cluster()) return false;
  readiness.set_ready();
  return true;
}

void Broker::Parts::stop(bool graceful) {
  if (std::exchange(stopped, true)) return;
  readiness.set_not_ready("stopping");
  interrupted.store(true);
  const bool leaves = graceful && settings.cluster.controlled_shutdown;
  if (cluster && leaves) cluster->leave(settings.shutdown_timeout_ms);
  if (services) services->stopping.store(true);
  if (cluster) cluster->stop_quorum(graceful ? settings.cluster.election_timeout : std::chrono::milliseconds{0});
  data.stop_serving();
  if (server_started) {
    server.finish(graceful ? settings.shutdown_timeout_ms : std::chrono::milliseconds{0});
    pulse->stop();
  }
  server.stop_threads();
  if (cluster) cluster->stop();
  background_pool.finish();
  data.close();
  if (admin_server) admin_server->stop();
}

Broker::Broker(config::LoadedConfig loaded, storage::FileSystem& files)
    : parts_(std::make_unique<Parts>(std::move(loaded), files)) {}

Broker::~Broker() { stop(); }

void Broker::on_fatal(std::function<void()> listener) { parts_->on_fatal = std::move(listener); }

bool Broker::start() { return parts_->start(); }

void Broker::interrupt() { parts_->interrupt(); }

void Broker::stop() { parts_->stop(true); }

void Broker::stop_abruptly() { parts_->stop(false); }

BrokerId Broker::node_id() const { return parts_->settings.node_id; }

std::uint16_t Broker::port_of(const std::string& listener_name) const { return parts_->server.port_of(listener_name); }

}  // namespace sluice::broker
