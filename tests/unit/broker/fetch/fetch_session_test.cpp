#include "broker/fetch/fetch_session.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace sluice::broker::fetch {
namespace {

using namespace std::chrono_literals;
using protocol::ErrorCode;
using protocol::FetchRequest;
using protocol::FetchResponse;

constexpr std::int16_t kByName = 12;
constexpr std::int16_t kByTopicId = 13;

FetchRequest request(std::int32_t session_id, std::int32_t session_epoch, const std::vector<std::string>& topics = {}) {
  FetchRequest request;
  request.session_id = session_id;
  request.session_epoch = session_epoch;
  for (const auto& name : topics) {
    auto& topic = request.topics.emplace_back();
    topic.topic = name;
    topic.partitions.emplace_back();
  }
  return request;
}

void forget(FetchRequest& request, const std::string& name) {
  auto& topic = request.forgotten_topics_data.emplace_back();
  topic.topic = name;
  topic.partitions.emplace_back(0);
}

std::vector<std::string> names(const FetchPlan& plan) {
  std::vector<std::string> names;
  for (const auto& target : plan.targets) names.push_back(target.topic);
  return names;
}

std::vector<std::string> names(const FetchResponse& response) {
  std::vector<std::string> names;
  for (const auto& topic : response.responses) names.push_back(topic.topic);
  return names;
}

/// What a partition's answer says, as far as sessions look at it.
struct Said {
  std::string topic;
  std::int64_t high_watermark = 0;
  std::size_t record_bytes = 0;
  ErrorCode error = ErrorCode::none;
};

/// A cache and the answers that its broker gives.
struct Harness {
  explicit Harness(std::size_t slots = 10) : cache(slots) {}

  FetchPlan begin(const FetchRequest& request, std::int16_t version = kByName) {
    return cache.begin(request, version, now);
  }
  FetchResponse finish(const FetchPlan& plan, const std::vector<Said>& said) {
    FetchResponse response;
    for (const auto& one : said) {
      auto& topic = response.responses.emplace_back();
      topic.topic = one.topic;
      auto& data = topic.partitions.emplace_back();
      data.high_watermark = Offset{one.high_watermark};
      data.error_code = one.error;
      data.records = wire::Records::spliced(static_cast<std::uint32_t>(one.record_bytes));
    }
    cache.finish(plan, response);
    return response;
  }
  /// A session that follows `topics` and was told that they are empty. Its next epoch is 1.
  std::int32_t open(const std::vector<std::string>& topics, std::int16_t version = kByName) {
    const auto plan = begin(request(0, 0, topics), version);
    REQUIRE(plan.error == ErrorCode::none);
    std::vector<Said> said;
    for (const auto& topic : topics) said.push_back({topic});
    finish(plan, said);
    return plan.session_id;
  }

  FetchSessionCache cache;
  Instant now{};
};

}  // namespace

TEST_CASE("epoch 0 opens a session and answers in full", "[fetch_session]") {
  Harness harness;
  const auto plan = harness.begin(request(0, 0, {"a", "b"}));
  CHECK(plan.session_id != 0);
  CHECK_FALSE(plan.incremental);
  CHECK(names(plan) == std::vector<std::string>{"a", "b"});
  const auto response = harness.finish(plan, {{"a"}, {"b"}});
  CHECK(response.session_id == plan.session_id);
  CHECK(names(response) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("epoch -1 is served without a session", "[fetch_session]") {
  Harness harness;
  const auto plan = harness.begin(request(0, -1, {"a"}));
  CHECK(plan.session_id == 0);
  CHECK(harness.finish(plan, {{"a"}}).session_id == 0);
  CHECK(harness.cache.session_count() == 0);
}

TEST_CASE("epoch -1 with a session's id closes it", "[fetch_session]") {
  Harness harness;
  const auto id = harness.open({"a"});
  const auto plan = harness.begin(request(id, -1, {"a"}));
  CHECK(plan.error == ErrorCode::none);
  CHECK(plan.session_id == 0);
  CHECK(harness.cache.session_count() == 0);
}

TEST_CASE("epoch 0 with a session's id replaces it", "[fetch_session]") {
  Harness harness;
  const auto id = harness.open({"a"});
  const auto plan = harness.begin(request(id, 0, {"b"}));
  CHECK(plan.session_id != 0);
  CHECK(names(plan) == std::vector<std::string>{"b"});
  CHECK(harness.cache.session_count() == 1);
}

TEST_CASE("an incremental fetch covers all partitions of the session", "[fetch_session]") {
  Harness harness;
  const auto id = harness.open({"a", "b"});
  const auto plan = harness.begin(request(id, 1));
  CHECK(plan.incremental);
  CHECK(names(plan) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("an incremental answer leaves out what the client knows", "[fetch_session]") {
  Harness harness;
  const auto id = harness.open({"a", "b", "c", "d"});
  auto plan = harness.begin(request(id, 1));
  const auto response =
      harness.finish(plan, {{"a"}, {"b", 5}, {"c", 0, 100}, {"d", 0, 0, ErrorCode::kafka_storage_error}});
  CHECK(names(response) == std::vector<std::string>{"b", "c", "d"});

  SECTION("a high watermark is news once") {
    plan = harness.begin(request(id, 2));
    CHECK(names(harness.finish(plan, {{"b", 5}})).empty());
  }
  SECTION("an error is told again, and so is its end") {
    plan = harness.begin(request(id, 2));
    CHECK(names(harness.finish(plan, {{"d", 0, 0, ErrorCode::kafka_storage_error}})) == std::vector<std::string>{"d"});
    plan = harness.begin(request(id, 3));
    CHECK(names(harness.finish(plan, {{"d"}})) == std::vector<std::string>{"d"});
    plan = harness.begin(request(id, 4));
    CHECK(names(harness.finish(plan, {{"d"}})).empty());
  }
}

TEST_CASE("partitions join, change and leave a session", "[fetch_session]") {
  Harness harness;
  const auto id = harness.open({"a", "b"});
  auto change = request(id, 1, {"b", "c"});
  change.topics[0].partitions[0].fetch_offset = Offset{42};
  forget(change, "a");
  const auto plan = harness.begin(change);
  REQUIRE(names(plan) == std::vector<std::string>{"b", "c"});
  CHECK(plan.targets[0].fetch_offset == Offset{42});
  auto nonsense = request(id, 2);
  forget(nonsense, "never there");
  CHECK(names(harness.begin(nonsense)) == std::vector<std::string>{"b", "c"});
}

TEST_CASE("a partition that gave records goes to the end of the order", "[fetch_session]") {
  Harness harness;
  const auto id = harness.open({"a", "b", "c"});
  harness.finish(harness.begin(request(id, 1)), {{"a", 1, 100}, {"b", 0}, {"c", 0}});
  CHECK(names(harness.begin(request(id, 2))) == std::vector<std::string>{"b", "c", "a"});
}

TEST_CASE("an unknown session is error 70, a wrong epoch 71", "[fetch_session]") {
  Harness harness;
  const auto id = harness.open({"a"});
  CHECK(static_cast<int>(harness.begin(request(id == 1 ? 2 : id - 1, 1)).error) == 70);
  CHECK(static_cast<int>(harness.begin(request(0, 1)).error) == 70);
  CHECK(static_cast<int>(harness.begin(request(id, 2)).error) == 71);
  CHECK(harness.begin(request(id, 1)).error == ErrorCode::none);
  CHECK(static_cast<int>(harness.begin(request(id, 1)).error) == 71);  // a repeat
}

TEST_CASE("a session is by name or by topic id throughout: mixing is error 106", "[fetch_session]") {
  Harness harness;
  const auto named = harness.open({"a"}, kByName);
  CHECK(static_cast<int>(harness.begin(request(named, 1), kByTopicId).error) == 106);
  const auto by_id = harness.open({""}, kByTopicId);
  CHECK(static_cast<int>(harness.begin(request(by_id, 1), kByName).error) == 106);
}

TEST_CASE("versions before 7 have no sessions", "[fetch_session]") {
  Harness harness;
  CHECK(harness.begin(request(0, 0, {"a"}), 6).session_id == 0);
  CHECK(harness.cache.session_count() == 0);
}

TEST_CASE("a full cache serves without a session, unless one was unused for two minutes", "[fetch_session]") {
  Harness harness{2};
  const auto oldest = harness.open({"a"});
  harness.now += 1min;
  const auto younger = harness.open({"b"});
  harness.now += 59s;
  CHECK(harness.begin(request(0, 0, {"c"})).session_id == 0);
  harness.now += 1s;
  CHECK(harness.begin(request(0, 0, {"c"})).session_id != 0);
  CHECK(harness.cache.session_count() == 2);
  CHECK(harness.begin(request(oldest, 1)).error == ErrorCode::fetch_session_id_not_found);
  CHECK(harness.begin(request(younger, 1)).error == ErrorCode::none);
}

TEST_CASE("using a session keeps it from being evicted", "[fetch_session]") {
  Harness harness{1};
  const auto id = harness.open({"a"});
  harness.now += 2min;
  CHECK(harness.begin(request(id, 1)).error == ErrorCode::none);
  CHECK(harness.begin(request(0, 0, {"b"})).session_id == 0);
}

TEST_CASE("a cache without slots never opens a session", "[fetch_session]") {
  Harness harness{0};
  CHECK(harness.begin(request(0, 0, {"a"})).session_id == 0);
}

TEST_CASE("the answer to a session that ended meanwhile is given in full", "[fetch_session]") {
  Harness harness;
  const auto id = harness.open({"a"});
  const auto plan = harness.begin(request(id, 1));
  harness.begin(request(id, -1));
  CHECK(names(harness.finish(plan, {{"a"}})) == std::vector<std::string>{"a"});
}

}  // namespace sluice::broker::fetch
