#pragma once

#include <memory>

#include "broker/config/load.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::broker {

/// One broker: every part of it, wired together.
///
/// Life: construct, start, (serve), stop. Start order: data directories, metadata, logs, sockets; stop is the reverse.
class Broker {
 public:
  /// `files` outlives it.
  explicit Broker(config::LoadedConfig loaded, storage::FileSystem& files = storage::posix_file_system());
  ~Broker();

  /// Everything is there and requests are served when it returns true; when false, the reason was logged.
  bool start();

  /// Answers what was read, syncs and closes the logs, leaves the clean-shutdown marker. Idempotent.
  void stop();

  /// The port that a listener got, for those configured with port 0.
  std::uint16_t port_of(const std::string& listener_name) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Runs a broker until SIGTERM or SIGINT; a second one ends the process at once. Returns the exit status.
int run_until_signalled(config::LoadedConfig loaded);

}  // namespace sluice::broker
