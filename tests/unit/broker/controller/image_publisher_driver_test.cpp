#include "broker/controller/image_publisher_driver.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <mutex>
#include <vector>

#include "tests/support/eventually.hpp"
#include "tests/support/fake_cluster_state.hpp"

namespace sluice::broker::controller {
namespace {

using namespace std::chrono_literals;

/// Subscribes and remembers what it was told; waits where it is told to.
struct Told {
  explicit Told(ImagePublisher& publisher) {
    publisher.subscribe([this](const MetadataDelta& delta, const std::shared_ptr<const MetadataImage>& after) {
      if (gate) gate->get_future().wait();
      const std::lock_guard lock{mutex};
      deltas.push_back(delta);
      versions.push_back(after->version());
    });
  }
  std::size_t count() {
    const std::lock_guard lock{mutex};
    return deltas.size();
  }

  std::mutex mutex;
  std::vector<MetadataDelta> deltas;
  std::vector<Offset> versions;
  std::shared_ptr<std::promise<void>> gate;
};

std::vector<std::string> names_in(const MetadataDelta& delta) {
  std::vector<std::string> names;
  for (const auto& topic : delta.topics) names.push_back((topic.after ? topic.after : topic.before)->name);
  return names;
}

}  // namespace

TEST_CASE("who subscribes late is told of everything there is as new", "[controller]") {
  test::FakeCluster cluster;
  ImagePublisher publisher;
  cluster.create("a");
  publisher.offer(cluster.state.take_change());
  Told told{publisher};
  REQUIRE(told.count() == 1);
  CHECK(names_in(told.deltas[0]) == std::vector<std::string>{"a"});
  CHECK(told.deltas[0].topics[0].before == nullptr);
  CHECK(told.deltas[0].brokers_changed);
  CHECK(told.versions[0] == cluster.state.image().version());
}

TEST_CASE("subscribers are told before the image is published", "[controller]") {
  test::FakeCluster cluster;
  ImagePublisher publisher;
  std::vector<Offset> published_before;
  publisher.subscribe([&](const MetadataDelta&, const std::shared_ptr<const MetadataImage>&) {
    published_before.push_back(publisher.image()->version());
  });
  publisher.offer(cluster.state.take_change());
  std::promise<Offset> reached;
  publisher.when_reached(cluster.state.image().version(), [&] { reached.set_value(publisher.image()->version()); });
  CHECK(reached.get_future().get() == cluster.state.image().version());
  CHECK(published_before == std::vector<Offset>{kNoOffset, kNoOffset});
}

TEST_CASE("changes that wait for the metadata thread are told as one", "[controller]") {
  test::FakeCluster cluster;
  ImagePublisher publisher;
  Told told{publisher};
  std::promise<void> held;
  publisher.post([&] { held.get_future().wait(); });
  publisher.offer(cluster.state.take_change());
  cluster.create("a");
  publisher.offer(cluster.state.take_change());
  cluster.create("gone");
  publisher.offer(cluster.state.take_change());
  cluster.create("b");
  protocol::DeleteTopicsRequest deletion;
  deletion.topics.emplace_back().name = "gone";
  cluster.handle(deletion);
  publisher.offer(cluster.state.take_change());
  held.set_value();
  REQUIRE(publisher.wait_for(
      [&](const MetadataImage& image) { return image.version() == cluster.state.image().version(); }, 10s));
  REQUIRE(told.count() == 2);  // nothing, then all of it
  CHECK(names_in(told.deltas[1]) == std::vector<std::string>{"a", "b"});
  CHECK(told.versions[1] == cluster.state.image().version());
}

TEST_CASE("who waits for a version is called once an image shows it, at once where one does", "[controller]") {
  test::FakeCluster cluster;
  ImagePublisher publisher;
  std::atomic<int> reached{0};
  const auto version = cluster.state.image().version();
  publisher.when_reached(version, [&] { ++reached; });
  publisher.when_reached(version + 1, [&] { reached += 100; });
  CHECK(reached == 0);
  publisher.offer(cluster.state.take_change());
  CHECK(test::eventually([&] { return reached == 1; }));
  publisher.when_reached(version, [&] { ++reached; });
  CHECK(reached == 2);
  publisher.finish();
  CHECK(reached == 2);  // the other is dropped
}

TEST_CASE("whoever waits for an image gives up when time is over or the publisher ends", "[controller]") {
  ImagePublisher publisher;
  const auto never = [](const MetadataImage&) { return false; };
  CHECK_FALSE(publisher.wait_for(never, 1ms));
  publisher.finish();
  CHECK_FALSE(publisher.wait_for(never, 10s));
  std::atomic<bool> ran{false};
  publisher.post([&] { ran = true; });
  publisher.when_reached(Offset{5}, [&] { ran = true; });
  CHECK_FALSE(ran);
}

}  // namespace sluice::broker::controller
