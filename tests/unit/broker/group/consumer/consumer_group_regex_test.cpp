#include <catch2/catch.hpp>

#include "tests/unit/broker/group/consumer/consumer_group_harness.hpp"

namespace sluice::test {
namespace {

using broker::group::RegexRecord;
using protocol::ErrorCode;
using std::chrono::minutes;
using std::chrono::seconds;
using Partitions = std::vector<int>;
using Request = ConsumerGroupHarness::Request;

ConsumerGroupHarness::Change reads(const std::string& regex) {
  return [regex](Request& request) {
    request.subscribed_topic_names.reset();
    request.subscribed_topic_regex = regex;
  };
}

TEST_CASE("the members of a group subscribe with a hundred regular expressions at most", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 1);
  const auto join = [&](int i) {
    return group.join("m" + std::to_string(i), {}, reads("t" + std::to_string(i))).error_code;
  };
  for (int i = 0; i < 100; ++i) CHECK(join(i) == ErrorCode::none);
  CHECK(join(100) == ErrorCode::invalid_request);
  CHECK(group.join("another", {}, reads("t1")).error_code == ErrorCode::none);
  group.leave("m0");
  CHECK(join(100) == ErrorCode::none);
}

TEST_CASE("a member that joins with a regular expression gets the topics that it stands for", "[group]") {
  ConsumerGroupHarness group;
  group.create("logs-a", 2);
  group.create("logs-b", 1);
  group.create("other", 1);
  const auto joined = group.join("a", {}, reads("logs-.*"));
  CHECK(joined.error_code == ErrorCode::none);
  CHECK(joined.member_epoch == 1);
  CHECK(group.owned("a", "logs-a") == Partitions{0, 1});
  CHECK(group.owned("a", "logs-b") == Partitions{0});
  CHECK(group.owned("a", "other").empty());
  CHECK(group.group->is_subscribed_to("logs-a"));
  CHECK_FALSE(group.group->is_subscribed_to("other"));

  SECTION("as do others with the same one, which is looked up once") {
    group.join("b", {}, reads("logs-.*"));
    CHECK(group.count_written<RegexRecord>() == 0);
    group.settle();
    CHECK(group.member("b").assigned.size() >= 1);
  }
  SECTION("next to what it names") {
    group.beat("a", [](Request& request) { request.subscribed_topic_names = std::vector<std::string>{"other"}; });
    CHECK(group.owned("a", "other") == Partitions{0});
    CHECK(group.owned("a", "logs-a") == Partitions{0, 1});
  }
  SECTION("and gives them up when it takes another one") {
    group.beat("a", reads("other"));
    group.settle();
    CHECK(group.owned("a", "logs-a").empty());
    CHECK(group.owned("a", "other") == Partitions{0});
    CHECK_FALSE(group.group->is_subscribed_to("logs-a"));
  }
  SECTION("and gives them up when it takes none") {
    group.beat("a", reads(""));
    group.settle();
    CHECK(group.group->owners().size() == 0);
  }
  SECTION("and nothing is left of the expression when the member leaves") {
    group.leave("a");
    CHECK(group.count_written<RegexRecord>() == 1);
    CHECK_FALSE(group.group->is_subscribed_to("logs-a"));
  }
}

TEST_CASE("an expression is looked up again ten seconds later when topics have come or gone", "[group]") {
  ConsumerGroupHarness group;
  group.create("logs-a", 1);
  group.join("a", {}, reads("logs-.*"));
  group.create("logs-b", 1);

  group.beat("a");
  CHECK(group.owned("a", "logs-b").empty());
  group.pass(seconds{10});
  group.beat("a");
  CHECK(group.owned("a", "logs-b") == Partitions{0});

  SECTION("not for a topic that does not match") {
    group.create("other", 1);
    group.pass(seconds{10});
    group.beat("a");
    CHECK(group.written() == 0);
  }
  SECTION("a deleted topic is given up at once, and forgotten later") {
    group.remove("logs-b");
    group.settle();
    CHECK(group.group->owners().size() == 1);
    group.pass(seconds{10});
    group.settle();
    CHECK_FALSE(group.group->is_subscribed_to("logs-b"));
  }
  SECTION("nor while nothing changes, however much time passes") {
    for (int i = 0; i < 30; ++i) {
      group.pass(seconds{30});
      group.beat("a");
      CHECK(group.written() == 0);
    }
  }
}

TEST_CASE("what expressions stood for outlives the coordinator", "[group]") {
  ConsumerGroupHarness group;
  group.create("logs-a", 2);
  group.join("a", {}, reads("logs-.*"));
  group.restart();
  CHECK(group.group->is_subscribed_to("logs-a"));
  group.beat("a");
  CHECK(group.written() == 0);
  group.restart();
  group.create("logs-b", 1);
  group.beat("a");
  CHECK(group.owned("a", "logs-b") == Partitions{0});
}

TEST_CASE("an expression that is no expression is refused", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 1);
  group.join("a", {"t"});
  CHECK(group.beat("a", reads("[")).error_code == ErrorCode::invalid_regular_expression);
  CHECK(group.written() == 0);
}

TEST_CASE("an empty expression is none", "[group]") {
  ConsumerGroupHarness group;
  CHECK(group.join("a", {}, reads("")).error_code == ErrorCode::none);
  CHECK(group.count_written<RegexRecord>() == 0);
}

}  // namespace
}  // namespace sluice::test
