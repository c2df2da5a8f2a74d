#pragma once

#include <cstdint>
#include <string>

#include "protocol/api_key.hpp"

namespace sluice::broker {

class IoThread;
struct Services;

/// What is known of a client beyond one request. Shared by the requests of its connection.
struct ConnectionInfo {
  std::uint64_t id = 0;
  std::string listener_name{};  ///< decides which advertised endpoint the client is told
  std::string peer_host{};      ///< numeric address
  bool for_peers = false;       ///< the listener is that of brokers or of controllers: other nodes may come this way
  std::string software_name{};  ///< of ApiVersions v3+, KIP-511
  std::string software_version{};
};

/// One request's surroundings. Lives until its answer is given.
struct RequestContext {
  Services& services;
  ConnectionInfo& connection;
  IoThread& io_thread;  ///< the thread of the connection: handlers are called on it
  protocol::ApiKey api_key{};
  std::int16_t api_version = 0;
  std::string client_id = {};  ///< empty where the client sent null
};

}  // namespace sluice::broker
