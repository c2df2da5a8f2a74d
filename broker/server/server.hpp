#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/config/broker_settings.hpp"
#include "broker/server/connection.hpp"
#include "broker/server/io_thread.hpp"
#include "broker/server/listener.hpp"
#include "broker/server/request_memory.hpp"

namespace sluice::broker {

/// The sockets: io threads, listeners, and the connections they accepted, within the limits of the configuration.
///
/// Life: construct, open_listeners (ports are known from here on), start, finish, destroy.
class Server {
 public:
  explicit Server(const config::BrokerSettings& settings);
  ~Server();

  /// Binds every listener, those of controllers too; errors name the one that failed in one log line.
  Result<> open_listeners();
  std::uint16_t port_of(const std::string& listener_name) const;

  /// Serves requests with `services`, which must outlive the server's threads.
  void start(Services& services);

  /// Stops accepting and reading; returns when all requests read were answered, or `within` has passed.
  void finish(std::chrono::milliseconds within);
  void stop_threads();  ///< drops what is left

  const std::vector<std::unique_ptr<IoThread>>& threads() const noexcept { return threads_; }
  RequestMemory& memory() noexcept { return memory_; }

 private:
  struct Peers;  // the accepted connections and their counts

  IoThread& next_thread();
  bool is_for_peers(const std::string& listener_name) const;
  void accept(Listener& listener, Listener::Socket socket, IoThread& thread);

  const config::BrokerSettings& settings_;
  ConnectionLimits limits_;
  RequestMemory memory_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::shared_ptr<Peers> peers_;
  Services* services_ = nullptr;
  std::atomic<unsigned> next_thread_{0};
  std::atomic<std::uint64_t> next_connection_id_{1};
};

}  // namespace sluice::broker
