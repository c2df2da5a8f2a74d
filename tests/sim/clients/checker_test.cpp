#include "tests/sim/clients/checker.hpp"

#include <catch2/catch.hpp>

namespace sluice::sim {
namespace {

const Key kKey = "t-0";

/// A history that is told in a line each.
struct Story {
  History history;
  Promises promises{.exactly_once = true};

  Story& send(Value value, Outcome outcome, std::int64_t offset = -1, int client = 1) {
    history.sends.push_back(
        {.client = client, .order = value, .key = kKey, .value = value, .outcome = outcome, .offset = Offset{offset}});
    return *this;
  }
  Story& poll(std::vector<std::pair<std::int64_t, Value>> records, int client = 2, std::int64_t assignment = 0) {
    history.polls.push_back(make(records, client, assignment));
    return *this;
  }
  Story& finally(std::vector<std::pair<std::int64_t, Value>> records) {
    history.final_polls.push_back(make(records, 9, 0));
    return *this;
  }
  std::vector<Anomaly> anomalies() const {
    std::vector<Anomaly> found;
    for (const auto& finding : check(history, [&](const Key&) { return promises; })) found.push_back(finding.anomaly);
    return found;
  }

 private:
  static Poll make(const std::vector<std::pair<std::int64_t, Value>>& records, int client, std::int64_t assignment) {
    Poll poll{.client = client, .assignment = assignment, .key = kKey};
    for (const auto& [offset, value] : records) poll.records.push_back({Offset{offset}, value});
    return poll;
  }
};

using Anomalies = std::vector<Anomaly>;

}  // namespace

TEST_CASE("a history in which everything arrives once and in order has no anomalies", "[sim]") {
  Story story;
  story.send(1, Outcome::ok, 0).send(2, Outcome::ok, 1).send(3, Outcome::unknown).send(4, Outcome::failed);
  story.poll({{0, 1}, {1, 2}}).poll({{2, 3}}).finally({{0, 1}, {1, 2}, {2, 3}});
  CHECK(story.anomalies().empty());
}

TEST_CASE("one offset with two values is inconsistent, over polls and acknowledgements", "[sim]") {
  Story polls;
  polls.send(1, Outcome::unknown).send(2, Outcome::unknown, -1, 3).poll({{0, 1}}).poll({{0, 2}}, 3);
  CHECK(polls.anomalies() == Anomalies{Anomaly::inconsistent_offset});
  Story sends;
  sends.promises.exactly_once = false;
  sends.send(1, Outcome::ok, 0).send(2, Outcome::ok, 0);
  CHECK(sends.anomalies() == Anomalies{Anomaly::inconsistent_offset});
}

TEST_CASE("a value at two offsets is a duplicate where producers are idempotent", "[sim]") {
  Story story;
  story.send(1, Outcome::ok, 0).poll({{0, 1}, {1, 1}});
  CHECK(story.anomalies() == Anomalies{Anomaly::duplicate});
  story.promises.exactly_once = false;
  CHECK(story.anomalies().empty());
}

TEST_CASE("an acknowledged write that others were read past is lost", "[sim]") {
  Story story;
  story.send(1, Outcome::ok, 0).send(2, Outcome::ok, 1).poll({{1, 2}});
  CHECK(story.anomalies() == Anomalies{Anomaly::lost_write});
  story.promises.may_lose = true;
  CHECK(story.anomalies().empty());
}

TEST_CASE("an acknowledged write that is not there at the end is unseen", "[sim]") {
  Story story;
  story.send(1, Outcome::ok, 0).send(2, Outcome::ok, 1).finally({{0, 1}});
  CHECK(story.anomalies() == Anomalies{Anomaly::unseen});
}

TEST_CASE("what was polled once is lost when it is not there at the end, whoever sent it", "[sim]") {
  Story story;
  story.send(1, Outcome::ok, 0).send(2, Outcome::unknown).poll({{0, 1}, {1, 2}}).finally({{0, 1}});
  CHECK(story.anomalies() == Anomalies{Anomaly::lost_write});
}

TEST_CASE("values that were refused, or never sent, are not to be polled", "[sim]") {
  Story story;
  story.send(1, Outcome::failed).poll({{0, 1}, {1, 7}});
  CHECK(story.anomalies() == Anomalies{Anomaly::failed_read, Anomaly::phantom});
}

TEST_CASE("a consumer goes neither back nor over what is there, unless it begins anew", "[sim]") {
  Story story;
  story.send(1, Outcome::ok, 0).send(2, Outcome::ok, 1).send(3, Outcome::ok, 2);
  SECTION("back") {
    story.poll({{0, 1}, {1, 2}}).poll({{1, 2}, {2, 3}});
    CHECK(story.anomalies() == Anomalies{Anomaly::nonmonotonic_poll});
  }
  SECTION("over") {
    story.poll({{0, 1}}).poll({{2, 3}}).poll({{1, 2}}, 3);
    CHECK(story.anomalies() == Anomalies{Anomaly::poll_skip});
  }
  SECTION("anew") {
    story.poll({{0, 1}, {1, 2}, {2, 3}}).poll({{1, 2}}, 2, 1);
    CHECK(story.anomalies().empty());
  }
}

TEST_CASE("what one producer sends lies in the order it was sent in", "[sim]") {
  Story story;
  story.send(1, Outcome::ok, 1).send(2, Outcome::ok, 0);
  CHECK(story.anomalies() == Anomalies{Anomaly::nonmonotonic_send});
  story.promises.exactly_once = false;
  CHECK(story.anomalies().empty());
}

}  // namespace sluice::sim
