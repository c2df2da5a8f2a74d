#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/broker/group/consumer/consumer_group_harness.hpp"

// Members, static ones among them, that do anything in any order while topics come, grow and go, answers get lost and
// the coordinator starts anew. The harness checks after each step that no partition has two owners and that the log,
// compacted or not, tells the same group; here it is checked that in the end everybody has what is its own.

namespace sluice::test {
namespace {

using broker::group::ConsumerGroupState;
using protocol::ErrorCode;
using std::chrono::seconds;
using Names = std::vector<std::string>;
using Request = ConsumerGroupHarness::Request;
using Response = ConsumerGroupHarness::Response;

class RandomGroup {
 public:
  explicit RandomGroup(std::uint32_t seed) : random_(seed) {}

  void step() {
    const auto choice = below(100);
    if (choice < 8) {
      change_topic(kTopics[below(kTopics.size())]);
    } else if (members_.empty() || (choice < 20 && members_.size() < 6)) {
      start_member();
    } else if (choice < 24) {
      stop_member();
    } else if (choice < 30) {
      group_.pass(seconds{below(25)});
    } else if (choice < 34) {
      group_.restart();
    } else {
      heartbeat(any_member());
    }
  }

  /// Those that stopped without a word are fenced, those that were fenced join anew.
  void settle() {
    for (int round = 0; round < 6; ++round) {
      for (const auto& [id, member] : std::map{members_}) heartbeat_whole(id);
      group_.pass(seconds{12});
    }
    for (int round = 0; round < 6; ++round) {
      for (const auto& [id, member] : std::map{members_}) CHECK(heartbeat_whole(id).error_code == ErrorCode::none);
    }
  }

  void check_settled() const {
    CHECK(group_.group->members().size() == members_.size());
    if (members_.empty()) return;
    CHECK(group_.group->state() == ConsumerGroupState::stable);
    std::size_t subscribed = 0;
    for (const auto& topic : kTopics) {
      const auto* image = group_.image.find_topic(topic);
      if (image != nullptr && group_.group->is_subscribed_to(topic)) subscribed += image->partitions.size();
    }
    CHECK(group_.group->owners().size() == subscribed);
    for (const auto& [id, member] : members_) {
      CHECK(group_.client(id).owned == group_.member(id).assigned);
      CHECK(group_.member(id).assigned == group_.group->target_of(id));
    }
  }

 private:
  struct Member {
    std::optional<std::string> instance{};
    Names topics{};
    std::string regex{};
  };
  inline static const Names kTopics{"t0", "t1", "t2", "t3"};
  inline static const Names kRegexes{"", "t[01]", "t.*", "nothing"};

  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::string any_member() {
    return std::next(members_.begin(), static_cast<std::ptrdiff_t>(below(members_.size())))->first;
  }

  Names some_topics() {
    Names some;
    std::copy_if(kTopics.begin(), kTopics.end(), std::back_inserter(some), [&](const auto&) { return below(2) == 0; });
    return some;
  }

  void change_topic(const std::string& topic) {
    const auto* image = group_.image.find_topic(topic);
    if (image == nullptr) {
      group_.create(topic, 1 + static_cast<int>(below(6)));
    } else if (below(3) == 0) {
      group_.remove(topic);
    } else {
      group_.grow(topic, static_cast<int>(image->partitions.size() + 1 + below(2)));
    }
  }

  void start_member() {
    Member member{.topics = some_topics()};
    if (below(3) == 0) member.instance = "i" + std::to_string(below(3));
    if (below(3) == 0) member.regex = kRegexes[below(kRegexes.size())];
    const auto id = "m" + std::to_string(next_id_++);
    members_[id] = member;
    join(id);
  }

  /// Who may not join is none.
  Response join(const std::string& id) {
    const auto& member = members_.at(id);
    auto response = group_.join(id, member.topics, [&](Request& request) {
      request.instance_id = member.instance;
      request.subscribed_topic_regex = member.regex;
      request.rebalance_timeout_ms = 20'000;
    });
    if (response.error_code != ErrorCode::none) members_.erase(id);
    return response;
  }

  void stop_member() {
    const auto id = any_member();
    const bool is_static = members_.at(id).instance.has_value();
    if (below(3) > 0) group_.leave(id, is_static && below(2) == 0 ? -2 : -1);
    members_.erase(id);
  }

  void heartbeat(const std::string& id) {
    auto& member = members_.at(id);
    const auto choice = below(10);
    if (choice == 0) member.topics = some_topics();
    if (choice == 1) member.regex = kRegexes[below(kRegexes.size())];
    if (choice < 2 || lost_.erase(id) > 0) {
      heartbeat_whole(id);
    } else if (choice == 2) {
      after(id, group_.beat(id, [](Request& request) { request.topic_partitions.reset(); }));
    } else if (choice < 5) {
      lost_.insert(id);
      after(id, group_.beat_in_vain(id));
    } else {
      after(id, group_.beat(id));
    }
  }

  Response heartbeat_whole(const std::string& id) {
    auto response = group_.beat(id, whole(members_.at(id)));
    after(id, response);
    return response;
  }

  /// What a client sends when it is not sure what was heard.
  static ConsumerGroupHarness::Change whole(const Member& member) {
    return [=](Request& request) {
      request.rebalance_timeout_ms = 20'000;
      request.subscribed_topic_names = member.topics;
      request.subscribed_topic_regex = member.regex;
    };
  }

  void after(const std::string& id, const Response& response) {
    switch (response.error_code) {
      case ErrorCode::none: return;
      case ErrorCode::unknown_member_id:
      case ErrorCode::fenced_member_epoch: join(id); return;
      default: members_.erase(id);
    }
  }

  std::mt19937 random_;
  ConsumerGroupHarness group_;
  std::map<std::string, Member> members_;
  std::set<std::string> lost_;  // who did not get the last answer
  int next_id_ = 0;
};

TEST_CASE("whatever its members do, a consumer group ends with everybody owning its target", "[group]") {
  const auto seed = GENERATE(range(0U, 60U));
  CAPTURE(seed);
  RandomGroup group{seed};
  for (int step = 0; step < 80; ++step) group.step();
  group.settle();
  group.check_settled();
}

}  // namespace
}  // namespace sluice::test
