#include "tests/unit/broker/group/group_partition_driver_harness.hpp"

namespace sluice::test::driver {

TEST_CASE("a commit is answered and seen when it is synced", "[group]") {
  Coordinator it{config::Durability::fsync};
  const auto driver = it.start_driver();
  std::atomic<int> answered{0};
  std::atomic<bool> too_early{false};
  for (int i = 1; i <= 100; ++i) {
    it.thread.post([&, i] {
      driver->commit(commit_of(i), 8, [&, i](const protocol::OffsetCommitResponse& response) {
        if (response.topics.front().partitions.front().error_code != ErrorCode::none) too_early = true;
        if (it.log.partition->log().synced_end_offset() < Offset{i}) too_early = true;
        ++answered;
      });
    });
  }
  CHECK(eventually([&] { return answered == 100; }));
  CHECK_FALSE(too_early);
  CHECK(it.fetched(driver) == Offset{100});
}

TEST_CASE("a coordinator that starts over a log knows what was committed", "[group]") {
  Coordinator it{config::Durability::os};
  const auto first = it.start_driver();
  std::atomic<int> answered{0};
  for (int i = 1; i <= 3; ++i) {
    it.thread.post([&, i] { first->commit(commit_of(i), 8, [&](const auto&) { ++answered; }); });
  }
  REQUIRE(eventually([&] { return answered == 3; }));
  CHECK(it.metrics.offset_commits_total.value() == 3);
  CHECK(it.metrics.offset_commit_latency.snapshot().count() == 3);
  CHECK(it.metrics.loaded_records_total.value() == 0);
  const auto second = it.start_driver();
  CHECK(eventually([&] { return it.availability(second) == ErrorCode::none; }));
  CHECK(it.fetched(second) == Offset{3});
  CHECK(it.metrics.loaded_records_total.value() == 3);
  CHECK(it.metrics.load_latency.snapshot().count() == 1);
  CHECK(it.on_thread([&] { return second->shard().census().offsets; }) == 1);
}

TEST_CASE("until the log is loaded, and after the end, there is no coordinator", "[group]") {
  Coordinator it{config::Durability::os};
  REQUIRE(it.log.append(1).has_value());
  const auto driver =
      std::make_shared<GroupPartitionDriver>(it.log.partition, it.thread, it.settings, it.images, it.metrics);
  CHECK(it.availability(driver) == ErrorCode::coordinator_load_in_progress);
  driver->start(it.loaders);
  CHECK(eventually([&] { return it.availability(driver) == ErrorCode::none; }));
  it.on_thread([&] { return driver->stop(), true; });
  CHECK(it.availability(driver) == ErrorCode::not_coordinator);
}

TEST_CASE("who waits to join when the coordinator ends is told to look for another", "[group]") {
  Coordinator it{config::Durability::os};
  const auto driver = it.start_driver();
  std::optional<ErrorCode> answered;
  protocol::JoinGroupRequest request;
  request.group_id = "g";
  request.session_timeout_ms = 10'000;
  request.protocol_type = "consumer";
  request.protocols.emplace_back().name = "range";
  it.on_thread([&] {
    driver->join(request, {.version = 3, .client_id = "c", .client_host = "/127.0.0.1"},
                 [&](const protocol::JoinGroupResponse& response) { answered = response.error_code; });
    const bool at_once = answered.has_value();
    driver->stop();
    return at_once;
  });
  CHECK(answered == ErrorCode::not_coordinator);
}

TEST_CASE("a member of the consumer protocol is told that it is in when that is durable", "[group]") {
  Coordinator it{config::Durability::fsync};
  Member member{it, it.start_driver(), "m"};
  CHECK(member.beat(0) == ErrorCode::none);
  CHECK(it.log.partition->log().synced_end_offset() > Offset{0});
  CHECK(member.is_in_group());

  const auto second = it.start_driver();
  CHECK(eventually([&] { return it.availability(second) == ErrorCode::none; }));
  CHECK(Member{it, second, "m"}.is_in_group());
}

TEST_CASE("a coordinator that could not write what it had taken in loads its groups anew", "[group]") {
  Coordinator it{config::Durability::os};
  Member first{it, it.start_driver(), "first"};
  Member second{it, first.driver, "second"};
  REQUIRE(first.beat(0) == ErrorCode::none);

  it.log.fs.inject(kDiskFull);
  const auto refused = second.beat(0);
  CHECK((refused && *refused != ErrorCode::none));
  CHECK(it.availability(first.driver) == ErrorCode::coordinator_load_in_progress);

  it.log.fs.clear_faults();
  REQUIRE(eventually([&] { return it.availability(first.driver) == ErrorCode::none; }));
  CHECK(first.is_in_group());
  CHECK_FALSE(second.is_in_group());
  CHECK(second.beat(0) == ErrorCode::none);
}

TEST_CASE("who waits for an append when the groups are loaded anew is told", "[group]") {
  Coordinator it{config::Durability::os};
  const auto driver = it.start_driver();
  it.log.fs.inject(kDiskFull);
  std::atomic<int> refused{0};
  const auto count = [&](ErrorCode error) { refused += error == ErrorCode::none ? 0 : 1; };
  it.on_thread([&] {
    // One turn of the event loop, so one batch: the commit shares the fate of the heartbeat.
    driver->consumer_heartbeat(consumer_heartbeat_of("m", 0), {.version = 1, .client_id = "", .client_host = ""},
                               [&](const auto& response) { count(response.error_code); });
    driver->commit(commit_of(1), 8,
                   [&](const auto& response) { count(response.topics.front().partitions.front().error_code); });
    protocol::JoinGroupRequest request;
    request.group_id = "g";
    request.session_timeout_ms = 10'000;
    request.protocol_type = "consumer";
    request.protocols.emplace_back().name = "range";
    driver->join(request, {.version = 3, .client_id = "c", .client_host = "/127.0.0.1"},
                 [&](const auto& response) { count(response.error_code); });
    return true;
  });
  CHECK(eventually([&] { return refused == 3; }));
  it.log.fs.clear_faults();
  CHECK(eventually([&] { return it.availability(driver) == ErrorCode::none; }));
}

TEST_CASE("a commit that could not be written leaves the other groups alone", "[group]") {
  Coordinator it{config::Durability::os};
  Member member{it, it.start_driver(), "m"};
  REQUIRE(member.beat(0) == ErrorCode::none);
  it.log.fs.inject(kDiskFull);
  std::atomic<int> answered{0};
  it.thread.post([&] {
    member.driver->commit(commit_of(1), 8, [&](const auto& response) {
      answered = response.topics.front().partitions.front().error_code == ErrorCode::none ? 1 : 2;
    });
  });
  CHECK(eventually([&] { return answered == 2; }));
  CHECK(it.availability(member.driver) == ErrorCode::none);
  CHECK(member.is_in_group());
}

TEST_CASE("commits that come together are one append", "[group]") {
  Coordinator it{config::Durability::os};
  const auto driver = it.start_driver();
  std::atomic<int> answered{0};
  it.on_thread([&] {
    for (int i = 1; i <= 10; ++i) driver->commit(commit_of(i), 8, [&](const auto&) { ++answered; });
    return true;
  });
  CHECK(eventually([&] { return answered == 10; }));
  std::vector<std::byte> bytes(1 << 16);
  const auto slice = it.log.partition->log().read(Offset{0}, bytes.size(), Offset{10}, true);
  REQUIRE(slice.has_value());
  bytes.resize(slice->size);
  REQUIRE(slice->read(bytes).has_value());
  record::BatchWalker walker{bytes};
  const auto batch = walker.next();
  REQUIRE(batch);
  CHECK(batch->last_offset() == Offset{9});
  CHECK(it.fetched(driver) == Offset{10});
}

TEST_CASE("an end in the middle of loading is not waited for", "[group]") {
  Coordinator it{config::Durability::os};
  for (int i = 0; i < 20; ++i) REQUIRE(it.log.append(1).has_value());
  const auto driver = it.start_driver();
  it.on_thread([&] { return driver->stop(), true; });
  it.loaders.finish();
  CHECK(it.availability(driver) == ErrorCode::not_coordinator);
}

}  // namespace sluice::test::driver
