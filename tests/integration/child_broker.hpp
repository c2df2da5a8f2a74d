#pragma once

#include <string>
#include <sys/types.h>

#include "tests/integration/test_broker.hpp"

namespace sluice::test {

/// A sluiced process on a port of the system's choice.
class ChildBroker {
 public:
  explicit ChildBroker(const std::string& data_directory);
  ~ChildBroker() { kill(); }
  ChildBroker(const ChildBroker&) = delete;
  ChildBroker& operator=(const ChildBroker&) = delete;

  void kill();      ///< SIGKILL, and waits for its end
  int terminate();  ///< SIGTERM; its exit status
  std::uint16_t port() const noexcept { return port_; }
  client::WireConnection connect() const;

 private:
  int end(int signal);

  pid_t pid_ = -1;
  int log_ = -1;  // what it writes to standard error
  std::uint16_t port_ = 0;
};

}  // namespace sluice::test
