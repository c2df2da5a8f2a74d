// A partition's groups and who leads it: what one reign began, no other finishes.
#include <catch2/catch.hpp>

#include "tests/unit/broker/group/group_partition_driver_harness.hpp"

namespace sluice::test::driver {
namespace {

constexpr BrokerId kOther{2};

/// Who leads, from the next leader epoch on. The other replica has nothing that this one lacks.
struct Reigns {
  explicit Reigns(Coordinator& given) : it(given) {}

  void pass_to(BrokerId leader) {
    ++epoch;
    auto image = only_replica(leader, LeaderEpoch{epoch});
    image.partition_epoch = controller::PartitionEpoch{epoch};
    REQUIRE(it.log.partition->apply(image, std::chrono::steady_clock::now()).has_value());
  }

  Coordinator& it;
  std::int32_t epoch = 3;
};

std::optional<ErrorCode> commit(Coordinator& it, const std::shared_ptr<GroupPartitionDriver>& driver,
                                std::int64_t offset) {
  const auto answered = std::make_shared<std::atomic<int>>(-1000);
  it.on_thread([&] {
    driver->commit(commit_of(offset), 9, [answered](const protocol::OffsetCommitResponse& response) {
      *answered = static_cast<int>(response.topics.front().partitions.front().error_code);
    });
    return true;
  });
  if (!eventually([&] { return *answered != -1000; })) return std::nullopt;
  return ErrorCode{static_cast<std::int16_t>(answered->load())};
}

}  // namespace

TEST_CASE("a coordinator is none any more once another broker leads its partition", "[group]") {
  Coordinator it{config::Durability::os};
  Reigns reigns{it};
  const auto driver = it.start_driver();
  REQUIRE(eventually([&] { return it.availability(driver) == ErrorCode::none; }));
  CHECK(driver->serves(*it.log.partition));
  CHECK(commit(it, driver, 1) == ErrorCode::none);
  reigns.pass_to(kOther);
  CHECK(it.availability(driver) == ErrorCode::not_coordinator);
  CHECK_FALSE(driver->serves(*it.log.partition));
}

TEST_CASE("a coordinator of an earlier reign appends nothing, though this broker leads again", "[group]") {
  Coordinator it{config::Durability::os};
  Reigns reigns{it};
  const auto driver = it.start_driver();
  REQUIRE(eventually([&] { return it.availability(driver) == ErrorCode::none; }));
  reigns.pass_to(kOther);
  reigns.pass_to(BrokerId{1});
  const auto end = it.log.partition->log_end_offset();
  CHECK(it.availability(driver) == ErrorCode::not_coordinator);
  CHECK(commit(it, driver, 7) == ErrorCode::not_coordinator);
  CHECK(it.log.partition->log_end_offset() == end);

  SECTION("and a new one knows what is in the log") {
    const auto next = it.start_driver();
    REQUIRE(eventually([&] { return it.availability(next) == ErrorCode::none; }));
    CHECK(commit(it, next, 8) == ErrorCode::none);
    CHECK(it.fetched(next) == Offset{8});
  }
  it.on_thread([&] {
    driver->stop();
    return true;
  });
}

TEST_CASE("what was being loaded when the reign ended is not used in the next", "[group]") {
  Coordinator it{config::Durability::os};
  Reigns reigns{it};
  const auto first = it.start_driver();
  REQUIRE(eventually([&] { return it.availability(first) == ErrorCode::none; }));
  CHECK(commit(it, first, 1) == ErrorCode::none);

  std::promise<void> held;
  it.loaders.post([&] { held.get_future().wait(); });
  const auto late = it.start_driver();  // its load waits for the thread
  reigns.pass_to(kOther);
  reigns.pass_to(BrokerId{1});
  held.set_value();
  const auto next = it.start_driver();
  REQUIRE(eventually([&] { return it.availability(next) == ErrorCode::none; }));
  CHECK(it.availability(late) != ErrorCode::none);
  CHECK(it.fetched(next) == Offset{1});
  it.on_thread([&] {
    late->stop();
    return true;
  });
  CHECK(it.availability(late) == ErrorCode::not_coordinator);
}

}  // namespace sluice::test::driver
