#include "tests/bench/group_bench/broker_setup.hpp"

#include <algorithm>

#include "protocol/error_code.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/find_coordinator.hpp"
#include "protocol/messages/metadata.hpp"
#include "protocol/messages/offset_fetch.hpp"

namespace sluice::bench {
namespace {

using protocol::ErrorCode;

constexpr std::chrono::milliseconds kPause{50};
constexpr std::chrono::seconds kPatience{60};

/// Sends and waits for the one answer.
template <class Api>
typename Api::Response ask(RequestLoop& loop, LoopConnection& connection, const typename Api::Request& request) {
  std::optional<typename Api::Response> got;
  loop.call<Api>(connection, request, [&](auto& response) { got = std::move(response); });
  if (!loop.run_until([&] { return got.has_value(); }, Clock::now() + kPatience)) fail("no answer in time");
  return std::move(*got);
}

template <class Try>
void until(RequestLoop& loop, const std::string& what, Try attempt) {
  const auto limit = Clock::now() + kPatience;
  while (!attempt()) {
    if (Clock::now() > limit) fail(what + ": not in time");
    loop.run_for(kPause);
  }
}

}  // namespace

std::string fresh_name(const std::string& prefix) {
  return prefix + "-" + std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
}

Uuid create_topic(RequestLoop& loop, LoopConnection& connection, const std::string& name, int partitions) {
  protocol::CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = partitions;
  topic.replication_factor = 1;
  const auto created = ask<protocol::CreateTopics>(loop, connection, request);
  if (created.topics.at(0).error_code != ErrorCode::none) fail("the topic is refused");
  Uuid id;
  until(loop, "leaders", [&] {
    protocol::MetadataRequest metadata;
    metadata.topics->emplace_back().name = name;
    const auto told = ask<protocol::Metadata>(loop, connection, metadata);
    id = told.topics.at(0).topic_id;
    const auto& all = told.topics[0].partitions;
    return static_cast<int>(all.size()) == partitions &&
           std::all_of(all.begin(), all.end(), [](const auto& one) { return one.leader_id.value() >= 0; });
  });
  return id;
}

void find_coordinators(RequestLoop& loop, LoopConnection& connection, const std::vector<std::string>& groups) {
  until(loop, "coordinators", [&] {
    protocol::FindCoordinatorRequest request;
    request.coordinator_keys = groups;
    const auto found = ask<protocol::FindCoordinator>(loop, connection, request);
    return std::all_of(found.coordinators.begin(), found.coordinators.end(),
                       [](const auto& one) { return one.error_code == ErrorCode::none; });
  });
  until(loop, "groups", [&] {
    protocol::OffsetFetchRequest request;
    for (const auto& id : groups) request.groups.emplace_back().group_id = id;
    const auto fetched = ask<protocol::OffsetFetch>(loop, connection, request);
    return std::all_of(fetched.groups.begin(), fetched.groups.end(),
                       [](const auto& one) { return one.error_code == ErrorCode::none; });
  });
}

}  // namespace sluice::bench
