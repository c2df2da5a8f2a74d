#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "broker/broker.hpp"
#include "client/wire_connection.hpp"
#include "protocol/base/ids.hpp"
#include "tests/support/batches.hpp"
#include "tests/support/temp_directory.hpp"

namespace sluice::test {

using Settings = std::vector<std::string>;  // name=value
using TopicConfigs = std::vector<std::pair<std::string, std::string>>;

/// What any broker of these tests is started with: loopback, ports of the system's choice, data in `directory`.
Settings settings_for(const std::string& directory, const Settings& more);

/// A broker in this process with a data directory of its own.
class TestBroker {
 public:
  explicit TestBroker(Settings more = {});

  void stop() { broker_.reset(); }
  void start();
  void restart();
  broker::Broker& broker() { return *broker_; }

  /// As after a power cut or SIGKILL: goes on with a copy of the data directory, taken while the broker runs.
  void crash_and_restart();

  std::uint16_t port(const std::string& listener = "PLAINTEXT") const { return broker_->port_of(listener); }
  client::WireConnection connect(std::chrono::milliseconds timeout = std::chrono::seconds{20}) const;
  client::WireConnection connect_to(const std::string& listener) const;
  std::string data_directory() const { return directory_.path("data-" + std::to_string(generation_)); }

  /// Creates a topic and returns its id.
  Uuid create_topic(const std::string& name, const TopicConfigs& configs = {}, std::int32_t partitions = 1) const;
  void delete_topic(const std::string& name) const;

 private:
  TempDirectory directory_;
  Settings more_;
  int generation_ = 0;
  std::unique_ptr<broker::Broker> broker_;
};

/// The number of an error code, which Catch can print.
template <class Code>
int number(Code code) {
  return static_cast<int>(code);
}

/// Asks and expects an answer that decodes.
template <class Api>
typename Api::Response ask(client::WireConnection& connection, const typename Api::Request& request,
                           std::int16_t version = Api::versions.max) {
  auto answer = connection.call<Api>(request, version);
  CAPTURE(Api::name, version);
  if (!answer) FAIL(answer.error().message());
  return std::move(*answer);
}

/// Waits until the broker knows the high watermark of every partition: just started, it syncs what it has recovered
/// first, answers offset_not_available, and shows no record. Clients ask again; tests wait here.
void await_high_watermarks(client::WireConnection& connection);

/// Whether the other side closed the connection, rather than answering or staying silent.
bool is_closed(client::WireConnection& connection);

}  // namespace sluice::test
