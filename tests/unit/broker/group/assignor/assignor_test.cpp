#include "broker/group/assignor/assignor.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <random>
#include <set>

namespace sluice::test {
namespace {

using broker::group::AssignableMember;
using broker::group::AssignableTopic;
using broker::group::AssignmentProblem;
using broker::group::Assignor;
using broker::group::find_assignor;
using broker::group::TopicPartitions;
using Assignment = std::map<std::string, TopicPartitions>;

Uuid topic_id(std::size_t number) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[0] = static_cast<std::uint8_t>(number * 37 % 251);  // in an order that is not that of the names
  bytes[1] = static_cast<std::uint8_t>(number);
  bytes[2] = static_cast<std::uint8_t>(number >> 8);
  return Uuid{bytes};
}

/// An assignment problem that owns what it speaks of, and remembers what the members have.
struct Group {
  struct Member {
    std::vector<std::size_t> subscription;
    std::optional<std::string> instance_id{};
    std::optional<std::string> rack{};
  };

  std::vector<AssignableTopic> topics;
  std::map<std::string, Member> members;
  Assignment assignment;

  void add_topic(std::int32_t partitions) {
    const auto number = topics.size();
    topics.push_back({.id = topic_id(number), .name = "t" + std::to_string(1000 + number), .partitions = partitions});
  }
  std::vector<std::size_t> all_topics() const {
    std::vector<std::size_t> all(topics.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    return all;
  }
  void add_member(const std::string& id, std::optional<std::string> rack = {}) {
    members[id] = {.subscription = all_topics(), .rack = std::move(rack)};
  }

  /// Takes the answer over as what the members have.
  const Assignment& assign(std::string_view assignor) {
    std::vector<AssignableMember> list;
    for (const auto& [id, member] : members) {
      list.push_back({.id = id, .subscription = member.subscription, .previous = &assignment[id]});
      if (member.instance_id) list.back().instance_id = *member.instance_id;
      if (member.rack) list.back().rack = *member.rack;
    }
    auto answer = find_assignor(assignor)->assign({.topics = topics, .members = list});
    REQUIRE(answer.size() == list.size());
    Assignment next;
    for (std::size_t i = 0; i < list.size(); ++i) next[std::string{list[i].id}] = std::move(answer[i]);
    assignment = std::move(next);
    return assignment;
  }

  std::vector<std::int32_t> partitions_of(const std::string& member, std::size_t topic = 0) const {
    std::vector<std::int32_t> numbers;
    for (const auto partition : assignment.at(member).of(topic_id(topic))) numbers.push_back(partition.value());
    return numbers;
  }
};

using Numbers = std::vector<std::int32_t>;

/// Partitions that a member has and had not.
std::size_t moves(const Assignment& before, const Assignment& after) {
  std::size_t moved = 0;
  for (const auto& [id, partitions] : after) {
    const auto old = before.find(id);
    moved += old == before.end() ? partitions.size() : (partitions - old->second).size();
  }
  return moved;
}

void check_complete(const Group& group) {
  std::map<std::size_t, std::map<std::int32_t, int>> owners;
  for (const auto& [id, partitions] : group.assignment) {
    const auto& subscription = group.members.at(id).subscription;
    std::size_t known = 0;
    for (std::size_t topic = 0; topic < group.topics.size(); ++topic) {
      const auto& own = partitions.of(topic_id(topic));
      known += own.size();
      if (!own.empty()) CHECK(std::binary_search(subscription.begin(), subscription.end(), topic));
      for (const auto partition : own) ++owners[topic][partition.value()];
    }
    CHECK(known == partitions.size());
  }
  for (std::size_t topic = 0; topic < group.topics.size(); ++topic) {
    const bool is_read = std::any_of(group.members.begin(), group.members.end(), [&](const auto& entry) {
      const auto& subscription = entry.second.subscription;
      return std::binary_search(subscription.begin(), subscription.end(), topic);
    });
    const auto expected = is_read ? static_cast<std::size_t>(group.topics[topic].partitions) : 0;
    CHECK(owners[topic].size() == expected);
    for (const auto& [partition, count] : owners[topic]) CHECK(count == 1);
    if (!owners[topic].empty()) CHECK(owners[topic].rbegin()->first < group.topics[topic].partitions);
  }
}

/// No chain of members leads from one to another that has at least two fewer.
void check_level(const Group& group) {
  for (const auto& [source, partitions] : group.assignment) {
    std::set<std::string> reached{source};
    std::vector<std::string> queue{source};
    for (std::size_t at = 0; at < queue.size(); ++at) {
      const auto own = group.assignment.at(queue[at]);
      for (const auto& [id, member] : group.members) {
        const auto can_take = std::any_of(member.subscription.begin(), member.subscription.end(),
                                          [&](auto topic) { return !own.of(topic_id(topic)).empty(); });
        if (can_take && reached.insert(id).second) queue.push_back(id);
      }
    }
    for (const auto& id : reached) CHECK(group.assignment.at(id).size() + 1 >= partitions.size());
  }
}

/// Every subscriber of a topic has as many partitions of it as any other, give or take one.
void check_ranges(const Group& group) {
  for (std::size_t topic = 0; topic < group.topics.size(); ++topic) {
    std::size_t least = SIZE_MAX;
    std::size_t most = 0;
    for (const auto& [id, member] : group.members) {
      if (!std::binary_search(member.subscription.begin(), member.subscription.end(), topic)) continue;
      const auto count = group.assignment.at(id).of(topic_id(topic)).size();
      least = std::min(least, count);
      most = std::max(most, count);
    }
    if (least != SIZE_MAX) CHECK(most - least <= 1);
  }
}

void check_fair(const Group& group, const std::string& assignor) {
  if (assignor == "range") {
    check_ranges(group);
  } else {
    check_level(group);
  }
}

class RandomGroup {
 public:
  explicit RandomGroup(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random_); }

  Group make() {
    Group group;
    const auto racks = below(4);
    const auto topics = 1 + below(6);
    for (std::size_t i = 0; i < topics; ++i) {
      group.add_topic(static_cast<std::int32_t>(below(2) == 0 ? 6 : below(15)));
      for (std::int32_t p = 0; racks > 0 && p < group.topics.back().partitions; ++p) {
        std::set<std::string> of_replicas;
        for (std::size_t r = 0; r < 2; ++r) of_replicas.insert("r" + std::to_string(below(racks)));
        group.topics.back().racks.emplace_back(of_replicas.begin(), of_replicas.end());
      }
    }
    alike_ = below(2) == 0;
    const auto members = 1 + below(12);
    for (std::size_t i = 0; i < members; ++i) add_member(group, racks);
    return group;
  }

  void add_member(Group& group, std::size_t racks) {
    const auto id = "m" + std::to_string(below(1'000'000));
    group.add_member(id);
    auto& member = group.members[id];
    if (racks > 0 && below(4) > 0) member.rack = "r" + std::to_string(below(racks));
    if (below(4) == 0) member.instance_id = "i" + id;
    if (!alike_) std::erase_if(member.subscription, [&](auto) { return below(2) == 0; });
  }

  /// What no assignor has made: duplicates, topics and partitions that are no more, topics that nobody asked for.
  void spoil(Group& group) {
    for (auto& [id, member] : group.members) {
      for (auto i = below(6); i > 0; --i) {
        group.assignment[id].add(topic_id(below(8)), PartitionId{static_cast<std::int32_t>(below(20)) - 2});
      }
    }
  }

 private:
  std::mt19937 random_;
  bool alike_ = true;
};

}  // namespace

TEST_CASE("assignors are found by the names that clients use", "[group][assignor]") {
  CHECK(find_assignor("uniform")->name() == "uniform");
  CHECK(find_assignor("range")->name() == "range");
  CHECK(find_assignor("roundrobin") == nullptr);
  CHECK(find_assignor("") == nullptr);
}

TEST_CASE("a group without members, or without topics, has nothing to share out", "[group][assignor]") {
  const auto name = GENERATE(as<std::string>{}, "uniform", "range");
  Group group;
  CHECK(group.assign(name).empty());
  group.add_member("a");
  CHECK(group.assign(name).at("a").empty());
}

TEST_CASE("range gives a new group ranges, the first members one more", "[group][assignor]") {
  Group group;
  group.add_topic(7);
  for (const auto* id : {"a", "b", "c"}) group.add_member(id);
  group.assign("range");
  CHECK(group.partitions_of("a") == Numbers{0, 1, 2});
  CHECK(group.partitions_of("b") == Numbers{3, 4});
  CHECK(group.partitions_of("c") == Numbers{5, 6});
  SECTION("a newcomer takes what the others have above their share") {
    group.add_member("0");
    group.assign("range");
    CHECK(group.partitions_of("a") == Numbers{0, 1});
    CHECK(group.partitions_of("b") == Numbers{3, 4});
    CHECK(group.partitions_of("c") == Numbers{5, 6});
    CHECK(group.partitions_of("0") == Numbers{2});
  }
  SECTION("who stays keeps what it had when another leaves") {
    group.members.erase("b");
    group.assign("range");
    CHECK(group.partitions_of("a") == Numbers{0, 1, 2, 3});
    CHECK(group.partitions_of("c") == Numbers{4, 5, 6});
  }
}

TEST_CASE("range gives partition n of co-partitioned topics to one member", "[group][assignor]") {
  Group group;
  for (const auto partitions : {5, 5, 3}) group.add_topic(partitions);
  for (const auto* id : {"a", "b"}) group.add_member(id);
  group.assign("range");
  const auto lined_up = [&] {
    for (const auto& [id, member] : group.members) CHECK(group.partitions_of(id, 0) == group.partitions_of(id, 1));
  };
  lined_up();
  CHECK(group.partitions_of("a", 2) == Numbers{0, 1});
  SECTION("after members come and go") {
    group.add_member("c");
    group.assign("range");
    lined_up();
    group.members.erase("a");
    group.assign("range");
    lined_up();
  }
  SECTION("and when a topic joins those that are shared out already") {
    group.add_member("0");
    group.assign("range");
    group.add_topic(5);
    for (auto& [id, member] : group.members) member.subscription = group.all_topics();
    group.assign("range");
    lined_up();
    for (const auto& [id, member] : group.members) CHECK(group.partitions_of(id, 0) == group.partitions_of(id, 3));
  }
  SECTION("even when what they had before did not line up") {
    group.assignment.clear();
    group.assignment["a"].set(topic_id(0), {PartitionId{0}, PartitionId{1}});
    group.assignment["a"].set(topic_id(1), {PartitionId{3}, PartitionId{4}});
    group.assign("range");
    lined_up();
    CHECK(group.partitions_of("a")[0] == 0);
  }
}

TEST_CASE("range orders static members by their instance ids", "[group][assignor]") {
  Group group;
  group.add_topic(6);
  for (const auto* id : {"a", "b", "c"}) group.add_member(id);
  group.members["c"].instance_id = "1";
  group.members["b"].instance_id = "2";
  group.assign("range");
  CHECK(group.partitions_of("c") == Numbers{0, 1});
  CHECK(group.partitions_of("b") == Numbers{2, 3});
  CHECK(group.partitions_of("a") == Numbers{4, 5});
}

TEST_CASE("uniform shares out all topics together", "[group][assignor]") {
  Group group;
  for (int i = 0; i < 3; ++i) group.add_topic(1);
  for (const auto* id : {"a", "b", "c"}) group.add_member(id);
  for (const auto& [id, partitions] : group.assign("uniform")) CHECK(partitions.size() == 1);
}

TEST_CASE("uniform levels loads along chains of subscriptions", "[group][assignor]") {
  // a reads t0 and t1, b t1 and t2, c only t2: a and b must shift for c to get something.
  Group group;
  for (int i = 0; i < 3; ++i) group.add_topic(1);
  group.members["a"].subscription = {0, 1};
  group.members["b"].subscription = {1, 2};
  group.members["c"].subscription = {2};
  group.assignment["a"].add(topic_id(0), PartitionId{0});
  group.assignment["a"].add(topic_id(1), PartitionId{0});
  group.assignment["b"].add(topic_id(2), PartitionId{0});
  for (const auto& [id, partitions] : group.assign("uniform")) CHECK(partitions.size() == 1);
}

TEST_CASE("members are given what has a replica in their rack", "[group][assignor]") {
  const auto name = GENERATE(as<std::string>{}, "uniform", "range");
  Group group;
  group.add_topic(6);
  for (const auto* rack : {"x", "y", "z", "x", "y", "z"}) group.topics[0].racks.push_back({rack});
  group.add_member("a", "z");
  group.add_member("b", "y");
  group.add_member("c", "x");
  group.assign(name);
  CHECK(group.partitions_of("a") == Numbers{2, 5});
  CHECK(group.partitions_of("b") == Numbers{1, 4});
  CHECK(group.partitions_of("c") == Numbers{0, 3});
  SECTION("balance goes first") {
    group.assignment.clear();
    for (auto& [id, member] : group.members) member.rack = "x";
    for (const auto& [id, partitions] : group.assign(name)) CHECK(partitions.size() == 2);
  }
  SECTION("and so does what they have") {
    for (auto& [id, member] : group.members) member.rack = "x";
    const auto before = group.assignment;
    CHECK(moves(before, group.assign(name)) == 0);
  }
  SECTION("what is given up first is what lies elsewhere") {
    group.assignment.clear();
    group.members.erase("b");
    group.members.erase("c");
    group.assign(name);
    group.add_member("b", "w");
    group.assign(name);
    CHECK(group.assignment.at("a").contains(topic_id(0), PartitionId{2}));
    CHECK(group.assignment.at("a").contains(topic_id(0), PartitionId{5}));
  }
  SECTION("a partition with little choice does not lose its place to one with more") {
    group.assignment.clear();
    group.topics[0].racks = {{"x", "y"}, {"x"}};
    group.topics[0].partitions = 2;
    group.members.erase("a");
    group.assign(name);
    CHECK(group.partitions_of("b") == Numbers{0});
    CHECK(group.partitions_of("c") == Numbers{1});
  }
}

TEST_CASE("range looks at the racks of all co-partitioned topics", "[group][assignor]") {
  Group group;
  for (int i = 0; i < 2; ++i) group.add_topic(2);
  group.topics[0].racks = {{"x"}, {"x", "y"}};
  group.topics[1].racks = {{"x"}, {"y"}};
  group.add_member("a", "y");
  group.add_member("b", "x");
  group.assign("range");
  for (const auto topic : {0, 1}) {
    CHECK(group.partitions_of("a", static_cast<std::size_t>(topic)) == Numbers{1});
    CHECK(group.partitions_of("b", static_cast<std::size_t>(topic)) == Numbers{0});
  }
}

TEST_CASE("whatever the group, every partition has one owner, fairly, and stays where it is", "[group][assignor]") {
  const auto name = GENERATE(as<std::string>{}, "uniform", "range");
  for (unsigned seed = 0; seed < 400; ++seed) {
    CAPTURE(name, seed);
    RandomGroup random{seed};
    auto group = random.make();
    if (seed % 2 == 1) random.spoil(group);
    auto twin = group;
    group.assign(name);
    check_complete(group);
    check_fair(group, name);
    CHECK(twin.assign(name) == group.assignment);

    // Nothing changed: nothing moves.
    auto before = group.assignment;
    CHECK(moves(before, group.assign(name)) == 0);

    // A member leaves.
    const auto leaver =
        std::next(group.members.begin(), static_cast<std::ptrdiff_t>(random.below(group.members.size())));
    const auto left = before.at(leaver->first).size();
    group.members.erase(leaver);
    group.assign(name);
    check_complete(group);
    if (group.members.empty()) continue;
    check_fair(group, name);
    const auto alike = std::all_of(group.members.begin(), group.members.end(), [&](const auto& entry) {
      return entry.second.subscription.size() == group.topics.size();
    });
    if (alike) CHECK(moves(before, group.assignment) == left);

    // A member joins: it gets its share, and nobody else gets anything.
    before = group.assignment;
    random.add_member(group, 2);
    group.assign(name);
    check_complete(group);
    check_fair(group, name);
    if (!alike) continue;
    for (const auto& [id, partitions] : group.assignment) {
      if (before.contains(id)) CHECK(before.at(id).contains(partitions));
    }
  }
}

/// To be run with a clock: `broker_tests "[assignor][.benchmark]"`.
TEST_CASE("a thousand members share out a hundred thousand partitions", "[group][assignor][.benchmark]") {
  const auto name = GENERATE(as<std::string>{}, "uniform", "range");
  const auto alike = GENERATE(true, false);
  const auto racks = GENERATE(false, true);
  const auto [members, topics, partitions] =
      GENERATE(table<int, int, int>({{500, 10, 1000}, {500, 1000, 10}, {1000, 100, 1000}, {1000, 1, 100'000}}));
  Group group;
  for (int i = 0; i < topics; ++i) {
    group.add_topic(partitions);
    for (int p = 0; racks && p < partitions; ++p) {
      group.topics.back().racks.push_back({"r" + std::to_string(p % 3), "s" + std::to_string(p % 2)});
    }
  }
  for (int i = 0; i < members; ++i) {
    const auto id = "m" + std::to_string(10'000 + i);
    group.add_member(id);
    if (racks) group.members[id].rack = "r" + std::to_string(i % 3);
    if (!alike && topics > 1) {
      std::erase_if(group.members[id].subscription, [&](auto topic) { return (topic + i) % 7 == 0; });
    }
  }
  const auto timed = [&](const char* what) {
    const auto start = std::chrono::steady_clock::now();
    group.assign(name);
    const auto took = std::chrono::steady_clock::now() - start;
    WARN(name << (alike ? " alike " : " mixed ") << (racks ? "racks " : "") << members << " members, " << topics
              << " x " << partitions << ", " << what << ": "
              << std::chrono::duration_cast<std::chrono::microseconds>(took).count() << " us");
  };
  timed("new");
  timed("unchanged");
  group.members.erase(group.members.begin());
  timed("one leaves");
  group.assignment = {{group.members.begin()->first, [&] {
                         TopicPartitions all;
                         for (const auto& [id, own] : group.assignment) all += own;
                         return all;
                       }()}};
  timed("one had all");
}

}  // namespace sluice::test
