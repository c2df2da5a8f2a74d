#include "broker/server/server.hpp"

#include <algorithm>
#include <condition_variable>
#include <spdlog/spdlog.h>
#include <unordered_map>

#include "broker/metrics/broker_metrics.hpp"
#include "broker/services.hpp"

namespace sluice::broker {

/// The connections that are there: shared with each of them, as the last may outlive the server's own hold.
struct Server::Peers {
  std::mutex mutex;
  std::condition_variable changed;
  std::unordered_map<std::uint64_t, std::weak_ptr<Connection>> connections;
  std::unordered_map<std::string, int> per_host;

  bool admit(std::uint64_t id, const std::string& host, int max, int max_per_host) {
    const std::lock_guard lock{mutex};
    if (static_cast<int>(connections.size()) >= max) return false;
    const auto of_host = per_host.find(host);
    if ((of_host == per_host.end() ? 0 : of_host->second) >= max_per_host) return false;
    ++per_host[host];
    connections.emplace(id, std::weak_ptr<Connection>{});
    return true;
  }

  void gone(std::uint64_t id, const std::string& host) {
    {
      const std::lock_guard lock{mutex};
      connections.erase(id);
      if (const auto of_host = per_host.find(host); of_host != per_host.end() && --of_host->second == 0) {
        per_host.erase(of_host);
      }
    }
    changed.notify_all();
  }
};

namespace {

/// As configuration and log lines write it: an IPv4 client of a listener for both is no IPv6 address.
boost::asio::ip::address address_of(const boost::asio::ip::tcp::endpoint& remote) {
  const auto address = remote.address();
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
}

}  // namespace

Server::Server(const config::BrokerSettings& settings)
    : settings_(settings),
      limits_{.frame_bytes_max = static_cast<std::size_t>(settings.socket_request_max_bytes),
              .idle_max = settings.connections_max_idle_ms.value_or(std::chrono::milliseconds{0})},
      memory_(static_cast<std::size_t>(settings.request_memory_bytes)),
      peers_(std::make_shared<Peers>()) {
  for (int i = 0; i < settings.num_network_threads; ++i) {
    threads_.push_back(std::make_unique<IoThread>(static_cast<unsigned>(i)));
  }
}

Server::~Server() {
  stop_threads();
  memory_.forget_waiting();  // they keep connections, which must not outlive the threads
}

IoThread& Server::next_thread() {
  return *threads_[next_thread_.fetch_add(1, std::memory_order_relaxed) % threads_.size()];
}

Result<> Server::open_listeners() {
  auto all = settings_.listeners;
  const auto& of_controller = settings_.cluster.controller_listeners;
  all.insert(all.end(), of_controller.begin(), of_controller.end());
  for (const auto& wanted : all) {
    auto listener = std::make_unique<Listener>(
        wanted.name, *threads_.front(), [this]() -> IoThread& { return next_thread(); },
        [this, at = listeners_.size()](Listener::Socket socket, IoThread& thread) {
          accept(*listeners_[at], std::move(socket), thread);
        });
    if (const auto opened = listener->open(wanted.host, wanted.port, settings_.socket_listen_backlog_size); !opened) {
      spdlog::critical("listener {}://{}:{} can't be opened: {}", wanted.name, wanted.host, wanted.port,
                       opened.error().message());
      return opened.error();
    }
    listeners_.push_back(std::move(listener));
  }
  return {};
}

std::uint16_t Server::port_of(const std::string& listener_name) const {
  for (const auto& listener : listeners_) {
    if (listener->name() == listener_name) return listener->port();
  }
  return 0;
}

bool Server::is_for_peers(const std::string& listener_name) const {
  return listener_name == settings_.inter_broker_listener_name ||
         std::ranges::count(settings_.cluster.controller_listeners, listener_name, &config::Listener::name) > 0;
}

void Server::start(Services& services) {
  services_ = &services;
  for (auto& thread : threads_) thread->start();
  for (auto& listener : listeners_) listener->start();
}

void Server::accept(Listener& listener, Listener::Socket socket, IoThread& thread) {
  boost::system::error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (error) return;  // gone already
  auto host = address_of(remote).to_string();
  const auto id = next_connection_id_.fetch_add(1, std::memory_order_relaxed);
  const auto own_limit = settings_.max_connections_per_ip_overrides.find(host);
  const int per_host = own_limit == settings_.max_connections_per_ip_overrides.end() ? settings_.max_connections_per_ip
                                                                                     : own_limit->second;
  auto& metrics = services_->metrics;
  if (!peers_->admit(id, host, settings_.max_connections, per_host)) {
    metrics.connections_rejected_total.add();
    spdlog::warn("refused a connection from {}: max.connections or max.connections.per.ip reached", host);
    return;
  }
  metrics.connections.add(1);
  metrics.connections_total.add();
  if (settings_.socket_send_buffer_bytes) {
    socket.set_option(boost::asio::socket_base::send_buffer_size(*settings_.socket_send_buffer_bytes), error);
  }
  if (settings_.socket_receive_buffer_bytes) {
    socket.set_option(boost::asio::socket_base::receive_buffer_size(*settings_.socket_receive_buffer_bytes), error);
  }
  auto on_closed = [peers = peers_, id, host, &metrics] {
    metrics.connections.add(-1);
    peers->gone(id, host);
  };
  const auto connection = std::make_shared<Connection>(std::move(socket), thread, *services_, memory_, limits_,
                                                       ConnectionInfo{.id = id,
                                                                      .listener_name = listener.name(),
                                                                      .peer_host = std::move(host),
                                                                      .for_peers = is_for_peers(listener.name())},
                                                       std::move(on_closed));
  {
    const std::lock_guard lock{peers_->mutex};
    peers_->connections[id] = connection;
  }
  thread.post([connection] { connection->start(); });
}

void Server::finish(std::chrono::milliseconds within) {
  // On the thread that accepts, so that none is accepted after the look at those that are there.
  threads_.front()->post([this] {
    for (auto& listener : listeners_) listener->stop();
    const std::lock_guard lock{peers_->mutex};
    for (auto& [id, weak] : peers_->connections) {
      if (const auto connection = weak.lock()) {
        connection->thread().post([connection] { connection->finish(); });
      }
    }
  });
  std::unique_lock lock{peers_->mutex};
  peers_->changed.wait_for(lock, within, [this] { return peers_->connections.empty(); });
}

void Server::stop_threads() {
  for (auto& thread : threads_) thread->stop();
}

}  // namespace sluice::broker
