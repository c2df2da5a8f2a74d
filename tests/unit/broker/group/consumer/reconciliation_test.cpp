#include "broker/group/consumer/reconciliation.hpp"

#include <catch2/catch.hpp>

namespace sluice::test {
namespace {

using namespace broker::group;

const Uuid kTopic{{1}};
const Uuid kOther{{2}};

TopicPartitions partitions(std::initializer_list<int> numbers, const Uuid& topic = kTopic) {
  TopicPartitions result;
  for (const auto number : numbers) result.add(topic, PartitionId{number});
  return result;
}

/// A member, and what somebody else owns.
struct Scene {
  ConsumerMember member{.id = "m", .member_epoch = 5};
  ConsumerMember another{.id = "n"};
  PartitionOwners owners;

  Scene(MemberState state, const TopicPartitions& assigned, const TopicPartitions& pending,
        const TopicPartitions& of_another) {
    member.state = state;
    member.assigned = assigned;
    member.pending_revocation = pending;
    claim(member, assigned + pending);
    claim(another, of_another);
  }
  void claim(const ConsumerMember& owner, const TopicPartitions& claimed) {
    for (const auto& [topic, numbers] : claimed.topics()) {
      for (const auto number : numbers) owners.claim(topic, number, {&owner, 1});
    }
  }
  Progress step(const TopicPartitions& target, const std::optional<TopicPartitions>& owned = {},
                std::int32_t epoch = 6) const {
    return reconcile(member, epoch, target, owned ? &*owned : nullptr, owners);
  }
};

TEST_CASE("a member that has its target in its epoch stays as it is", "[group]") {
  const Scene scene{MemberState::stable, partitions({0, 1}), {}, {}};
  CHECK(scene.step(partitions({0, 1, 2}), {}, 5) == progress_of(scene.member));
}

TEST_CASE("a member whose target grows gets what is free and is in the new epoch", "[group]") {
  const Scene scene{MemberState::stable, partitions({0}), {}, {}};
  const auto next = scene.step(partitions({0, 1}));
  CHECK(next == Progress{6, MemberState::stable, partitions({0, 1}), {}});
}

TEST_CASE("a member whose target shrinks stays in its epoch until it has let go", "[group]") {
  const Scene scene{MemberState::stable, partitions({0, 1}), {}, {}};
  const Progress revoking{5, MemberState::unrevoked_partitions, partitions({0}), partitions({1})};
  CHECK(scene.step(partitions({0, 2})) == revoking);
  CHECK(scene.step(partitions({0, 2}), partitions({0, 1})) == revoking);
  SECTION("which it may have done already") {
    CHECK(scene.step(partitions({0, 2}), partitions({0})) == Progress{6, MemberState::stable, partitions({0, 2}), {}});
  }
}

TEST_CASE("a member that has let go gets what is free of its target", "[group]") {
  const Scene scene{MemberState::unrevoked_partitions, partitions({0}), partitions({1}), partitions({3})};
  CHECK(scene.step(partitions({0, 2})) == progress_of(scene.member));
  CHECK(scene.step(partitions({0, 2}), partitions({1})) == progress_of(scene.member));
  CHECK(scene.step(partitions({0, 2}), partitions({0})) == Progress{6, MemberState::stable, partitions({0, 2}), {}});

  SECTION("waits for what others own") {
    CHECK(scene.step(partitions({0, 2, 3}), partitions({0})) ==
          Progress{6, MemberState::unreleased_partitions, partitions({0, 2}), {}});
  }
  SECTION("gets back what it gave up when the target has it again") {
    CHECK(scene.step(partitions({0, 1}), partitions({0})) == Progress{6, MemberState::stable, partitions({0, 1}), {}});
  }
  SECTION("and may have more to give up by then") {
    CHECK(scene.step(partitions({2}), partitions({0})) ==
          Progress{5, MemberState::unrevoked_partitions, {}, partitions({0})});
  }
}

TEST_CASE("a member that waits for partitions gets each when it comes free", "[group]") {
  Scene scene{MemberState::unreleased_partitions, partitions({0}), {}, partitions({1, 2})};
  scene.member.member_epoch = 6;
  CHECK(scene.step(partitions({0, 1, 2})) == progress_of(scene.member));
  scene.owners.release(partitions({1}), scene.another);
  CHECK(scene.step(partitions({0, 1, 2})) == Progress{6, MemberState::unreleased_partitions, partitions({0, 1}), {}});
  scene.owners.release(partitions({2}), scene.another);
  CHECK(scene.step(partitions({0, 1, 2})) == Progress{6, MemberState::stable, partitions({0, 1, 2}), {}});
}

TEST_CASE("a member that waits follows a newer target", "[group]") {
  const Scene scene{MemberState::unreleased_partitions, partitions({0, 1}), {}, partitions({2})};
  CHECK(scene.step(partitions({0}), {}, 7) ==
        Progress{5, MemberState::unrevoked_partitions, partitions({0}), partitions({1})});
  CHECK(scene.step(partitions({0, 1}), {}, 7) == Progress{7, MemberState::stable, partitions({0, 1}), {}});
}

TEST_CASE("a member with partitions to give up gives up unsubscribed topics with them", "[group]") {
  const Scene scene{MemberState::unrevoked_partitions, partitions({0}) + partitions({5}, kOther), partitions({1}), {}};
  const auto next = revoke_unsubscribed(scene.member, [](const Uuid& topic) { return topic == kTopic; });
  CHECK(next ==
        Progress{5, MemberState::unrevoked_partitions, partitions({0}), partitions({1}) + partitions({5}, kOther)});
}

TEST_CASE("a partition's later claim outlasts its former owner's release", "[group]") {
  PartitionOwners owners;
  const ConsumerMember first{.id = "a"};
  const ConsumerMember second{.id = "b"};
  owners.claim(kTopic, PartitionId{0}, {&first, 1});
  owners.claim(kTopic, PartitionId{0}, {&second, 2});
  owners.release(partitions({0}), first);
  REQUIRE(owners.find(kTopic, PartitionId{0}) != nullptr);
  CHECK(owners.find(kTopic, PartitionId{0})->member == &second);
  owners.release(partitions({0}), second);
  CHECK(owners.find(kTopic, PartitionId{0}) == nullptr);
}

}  // namespace
}  // namespace sluice::test
