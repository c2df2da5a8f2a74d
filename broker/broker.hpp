#pragma once

#include <functional>
#include <memory>
#include <string>

#include "broker/config/load.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::broker {

/// One node: every part of it, wired together.
///
/// Life: construct, start, (serve), stop. Start order: who it is, data directories, sockets for its peers, the quorum,
/// its registration, logs, clients; stop is the reverse.
class Broker {
 public:
  /// `files` outlives it.
  explicit Broker(config::LoadedConfig loaded, storage::FileSystem& files = storage::posix_file_system());
  ~Broker();  ///< as `stop`

  /// Called when the node can't go on once it has started (it was refused by its cluster, say), the reason having been
  /// logged: on any thread, may not stop it there. Before `start`.
  void on_fatal(std::function<void()> listener);

  /// Everything is there, the cluster knows it, and requests are served when it returns true; when false, the reason
  /// was logged. Waits for the cluster's controller, however long that takes.
  bool start();
  /// Has `start` give up. From any thread.
  void interrupt();

  /// Hands over what it leads, answers what was read, syncs and closes the logs, leaves the clean-shutdown marker.
  /// Idempotent.
  void stop();
  /// Without handing over, nor waiting for who is connected: as if it had been killed, but for the logs, which are
  /// closed.
  void stop_abruptly();

  /// Known once started, where the cluster gives it.
  BrokerId node_id() const;
  /// The port that a listener got, for those configured with port 0.
  std::uint16_t port_of(const std::string& listener_name) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Runs a broker until SIGTERM or SIGINT; a second one ends the process at once. Returns the exit status.
int run_until_signalled(config::LoadedConfig loaded);

}  // namespace sluice::broker
