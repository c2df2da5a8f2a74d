#include "tests/integration/test_broker.hpp"

#include <algorithm>
#include <filesystem>

#include "broker/config/load.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/delete_topics.hpp"
#include "protocol/messages/list_offsets.hpp"
#include "protocol/messages/metadata.hpp"
#include "tests/support/eventually.hpp"

namespace sluice::test {

Settings settings_for(const std::string& directory, const Settings& more) {
  Settings all{"listeners=PLAINTEXT://127.0.0.1:0",
               "log.dirs=" + directory,
               "sluice.admin.listener=",
               "num.network.threads=2",
               "sluice.sync.threads=2",
               "sluice.shutdown.timeout.ms=5000"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TestBroker::TestBroker(Settings more) : more_(std::move(more)) { start(); }

void TestBroker::start() {
  broker::config::LoadOptions options;
  options.assignments = settings_for(data_directory(), more_);
  options.cores = 2;
  options.data_home = directory_.path();
  auto loaded = broker::config::load(options);
  for (const auto& error : loaded.errors) FAIL_CHECK(error.line);
  REQUIRE(loaded.errors.empty());
  broker_ = std::make_unique<broker::Broker>(std::move(loaded));
  REQUIRE(broker_->start());
}

void TestBroker::restart() {
  stop();
  start();
  auto connection = connect();
  await_high_watermarks(connection);
}

void TestBroker::crash_and_restart() {
  const auto from = data_directory();
  ++generation_;
  // The broker runs on: a file that is written anew may be renamed between the look and the copy.
  std::error_code error;
  for (int attempt = 0; attempt < 10; ++attempt) {
    std::filesystem::remove_all(data_directory());
    std::filesystem::copy(from, data_directory(), std::filesystem::copy_options::recursive, error);
    if (!error) break;
  }
  REQUIRE_FALSE(error);
  restart();
}

client::WireConnection TestBroker::connect(std::chrono::milliseconds timeout) const {
  auto connection = client::WireConnection::open("127.0.0.1", port(), timeout);
  REQUIRE(connection.has_value());
  return std::move(*connection);
}

client::WireConnection TestBroker::connect_to(const std::string& listener) const {
  auto connection = client::WireConnection::open("127.0.0.1", port(listener));
  REQUIRE(connection.has_value());
  return std::move(*connection);
}

Uuid TestBroker::create_topic(const std::string& name, const TopicConfigs& configs, std::int32_t partitions) const {
  protocol::CreateTopicsRequest request;
  request.timeout_ms = 10'000;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = partitions;
  topic.replication_factor = 1;
  for (const auto& [key, value] : configs) {
    auto& config = topic.configs.emplace_back();
    config.name = key;
    config.value = value;
  }
  auto connection = connect();
  const auto created = ask<protocol::CreateTopics>(connection, request).topics.at(0);
  CAPTURE(name, created.error_message.value_or(""));
  REQUIRE(number(created.error_code) == 0);
  return created.topic_id;
}

void TestBroker::delete_topic(const std::string& name) const {
  protocol::DeleteTopicsRequest request;
  request.timeout_ms = 10'000;
  request.topics.emplace_back().name = name;
  auto connection = connect();
  REQUIRE(number(ask<protocol::DeleteTopics>(connection, request).responses.at(0).error_code) == 0);
}

void await_high_watermarks(client::WireConnection& connection) {
  protocol::MetadataRequest all;
  all.topics.reset();
  protocol::ListOffsetsRequest request;
  for (const auto& topic : ask<protocol::Metadata>(connection, all).topics) {
    auto& asked = request.topics.emplace_back();
    asked.name = topic.name.value();
    for (const auto& partition : topic.partitions) {
      auto& one = asked.partitions.emplace_back();
      one.partition_index = partition.partition_index;
      one.timestamp = Timestamp{-1};
    }
  }
  REQUIRE(eventually([&] {
    const auto answer = ask<protocol::ListOffsets>(connection, request);
    return std::ranges::none_of(answer.topics, [](const auto& topic) {
      return std::ranges::any_of(topic.partitions, [](const auto& partition) {
        return partition.error_code == protocol::ErrorCode::offset_not_available;
      });
    });
  }));
}

bool is_closed(client::WireConnection& connection) {
  const auto frame = connection.receive_frame();
  return frame.has_error() && frame.error() != std::errc::timed_out;
}

}  // namespace sluice::test
