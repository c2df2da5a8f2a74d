#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "protocol/messages/metadata.hpp"
#include "tests/integration/test_broker.hpp"
#include "tests/support/faulty_files.hpp"

namespace sluice::test {

/// Some brokers in this process that are one cluster, each a voter of its quorum too, over loopback.
class TestCluster {
 public:
  explicit TestCluster(int nodes, Settings more = {});
  ~TestCluster();

  void start_all();
  /// Without waiting for it.
  void begin_start(int node);
  void wait_started(int node);
  void stop(int node);  ///< as an operator does
  void kill(int node);  ///< as far as one process can
  bool is_running(int node) const { return nodes_.at(node).broker != nullptr; }
  FaultyFiles& files(int node) { return *nodes_.at(node).files; }

  client::WireConnection connect(int node) const;
  std::uint16_t port(int node) const { return nodes_.at(node).broker->port_of("PLAINTEXT"); }
  /// As the first running node knows it.
  protocol::MetadataResponse metadata(const std::vector<std::string>& topics = {}) const;
  std::optional<protocol::MetadataResponse::MetadataResponsePartition> partition(const std::string& topic,
                                                                                 std::int32_t number = 0) const;
  /// Who leads, once somebody does whose node is running.
  int leader_of(const std::string& topic, std::int32_t number = 0) const;
  /// Waits until that many replicas are in sync.
  bool has_in_sync(const std::string& topic, std::size_t count, std::int32_t number = 0) const;
  void create_topic(const std::string& name, std::int32_t partitions, std::int16_t replication_factor,
                    const TopicConfigs& configs = {}) const;
  /// The leader of the metadata quorum, once there is one.
  int controller() const;

 private:
  struct Node {
    std::uint16_t quorum_port = 0;
    std::unique_ptr<FaultyFiles> files = std::make_unique<FaultyFiles>();
    std::unique_ptr<broker::Broker> broker;
    std::unique_ptr<std::thread> starting;
    bool started = false;
  };

  int any_running() const;

  TempDirectory directory_;
  Settings more_;
  std::map<int, Node> nodes_;
};

}  // namespace sluice::test
