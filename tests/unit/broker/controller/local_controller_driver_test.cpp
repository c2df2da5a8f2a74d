#include "broker/controller/local_controller_driver.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <deque>

#include "storage/fs/memory_file_system.hpp"
#include "tests/support/fake_cluster_state.hpp"

namespace sluice {
namespace {

using broker::controller::LocalControllerDriver;
using broker::controller::MetadataDelta;
using broker::controller::MetadataImage;
using protocol::CreateTopicsRequest;
using protocol::CreateTopicsResponse;
using protocol::ErrorCode;

/// A driver whose tasks run when the test says so, over a disk that can crash and fail.
struct Harness {
  storage::MemoryFileSystem fs{std::uint64_t{64} << 20};
  std::deque<std::function<void()>> tasks;
  std::unique_ptr<LocalControllerDriver> driver;

  Harness() {  // the log directory itself is there, and durable, before the metadata log is opened
    REQUIRE(fs.create_directories("/data"));
    REQUIRE(fs.sync_directory("/"));
  }
  Result<> try_open(std::string cluster_id = "c1") {
    driver.reset();
    auto opened = LocalControllerDriver::open(fs,
                                              {.directory = "/data/__cluster_metadata-0",
                                               .cluster_id = std::move(cluster_id),
                                               .self = test::broker_image(1),
                                               .config = std::make_shared<broker::config::BrokerConfig>(),
                                               .now = [] { return Timestamp{1'000}; }},
                                              [this](std::function<void()> task) { tasks.push_back(std::move(task)); });
    if (!opened) return opened.error();
    driver = std::move(*opened);
    return {};
  }
  void run_tasks() {
    for (; !tasks.empty(); tasks.pop_front()) tasks.front()();
  }
  void create(const std::string& name, std::function<void(ErrorCode)> then) {
    CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = 2;
    topic.replication_factor = 1;
    driver->create_topics(std::move(request),
                          [then](const CreateTopicsResponse& response) { then(response.topics.at(0).error_code); });
  }
  ErrorCode configure_group(const std::string& group, const std::string& key, const std::string& value) {
    protocol::IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = static_cast<std::int8_t>(broker::controller::ConfigResource::group);
    resource.resource_name = group;
    auto& config = resource.configs.emplace_back();
    config.name = key;
    config.value = value;
    auto code = ErrorCode::unknown_server_error;
    driver->incremental_alter_configs(std::move(request),
                                      [&](const auto& response) { code = response.responses.at(0).error_code; });
    run_tasks();
    return code;
  }
  ErrorCode create(const std::string& name) {
    auto code = ErrorCode::unknown_server_error;
    create(name, [&](ErrorCode answered) { code = answered; });
    run_tasks();
    return code;
  }
};

TEST_CASE("the first start notes the cluster and this broker; later ones find them", "[controller]") {
  Harness it;
  REQUIRE(it.try_open());
  CHECK(it.driver->image()->cluster_id() == "c1");
  CHECK(it.driver->image()->find_broker(BrokerId{1}) != nullptr);
  CHECK(it.driver->image()->version() == Offset{1});
  REQUIRE(it.try_open());
  CHECK(it.driver->image()->version() == Offset{1});
}

TEST_CASE("the log of another cluster is refused", "[controller]") {
  Harness it;
  REQUIRE(it.try_open("c1"));
  CHECK(it.try_open("c2").has_error());
}

TEST_CASE("what was answered survives a crash", "[controller]") {
  Harness it;
  REQUIRE(it.try_open());
  CHECK(it.create("a") == ErrorCode::none);
  CHECK(it.create("b") == ErrorCode::none);
  CHECK(it.create("a") == ErrorCode::topic_already_exists);
  CHECK(it.configure_group("g", "consumer.session.timeout.ms", "50000") == ErrorCode::none);
  const auto before = it.driver->image();
  it.fs.crash(storage::CrashPolicy::lose_unsynced);
  REQUIRE(it.try_open());
  CHECK(*it.driver->image() == *before);
  CHECK(it.driver->image()->group_configs("g").at("consumer.session.timeout.ms") == "50000");
}

TEST_CASE("the subscriber sees a topic before the client hears of it", "[controller]") {
  Harness it;
  REQUIRE(it.try_open());
  std::vector<std::string> story;
  it.driver->subscribe(
      [&](const MetadataImage&, const std::shared_ptr<const MetadataImage>& after, const MetadataDelta& delta) {
        story.push_back("image of " + std::to_string(after->topic_count()) + ", changed " +
                        std::to_string(delta.topics.size()));
      });
  it.create("a", [&](ErrorCode) { story.push_back("answer a"); });
  it.create("b", [&](ErrorCode) { story.push_back("answer b"); });
  CHECK(it.tasks.size() == 1);  // both in one task, with one sync
  it.run_tasks();
  CHECK(story == std::vector<std::string>{"image of 0, changed 0", "image of 2, changed 2", "answer a", "answer b"});
}

TEST_CASE("a subscriber that comes after a restart is told of every topic", "[controller]") {
  Harness it;
  REQUIRE(it.try_open());
  it.create("a");
  it.create("b");
  REQUIRE(it.try_open());
  std::size_t created = 0;
  it.driver->subscribe([&](const MetadataImage& before, const auto&, const MetadataDelta& delta) {
    CHECK(before.topic_count() == 0);
    for (const auto& topic : delta.topics) created += topic.before == nullptr ? 1 : 0;
  });
  CHECK(created == 2);
}

TEST_CASE("when the disk fails, the commands are answered so and nothing is applied", "[controller]") {
  Harness it;
  REQUIRE(it.try_open());
  CHECK(it.create("a") == ErrorCode::none);
  const auto before = it.driver->image();
  it.fs.fail_from(it.fs.calls() + 1, EIO);
  CHECK(it.create("b") == ErrorCode::kafka_storage_error);
  CHECK(it.create("b") == ErrorCode::kafka_storage_error);
  CHECK(it.driver->image() == before);
  it.fs.crash(storage::CrashPolicy::lose_unsynced);
}

TEST_CASE("commands after the end are refused", "[controller]") {
  Harness it;
  REQUIRE(it.try_open());
  REQUIRE(it.driver->close());
  CHECK(it.create("a") == ErrorCode::kafka_storage_error);
}

}  // namespace
}  // namespace sluice
