// GroupCoordinatorDriver: requests about offsets, and of administrators.

#include <algorithm>
#include <cctype>
#include <iterator>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "broker/group/gather_driver.hpp"
#include "broker/group/group_coordinator_driver.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

namespace {

/// What a filter can let pass, which is short whatever a client sends; only {""}, which nothing passes, when it names
/// nothing that there is.
std::vector<std::string> reduced(const std::vector<std::string>& filter, const std::set<std::string_view>& there_are) {
  if (filter.empty()) return {};
  std::set<std::string> kept;
  for (const auto& one : filter) {
    std::string lower = one;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    if (there_are.contains(lower)) kept.insert(std::move(lower));
  }
  if (kept.empty()) return {""};
  return {kept.begin(), kept.end()};
}

}  // namespace

void GroupCoordinatorDriver::delete_offsets(protocol::OffsetDeleteRequest request,
                                            Answer<protocol::OffsetDeleteResponse> answer) {
  const auto refuse = [answer](ErrorCode error) { answer(refused<protocol::OffsetDeleteResponse>(error)); };
  if (request.group_id.empty()) return refuse(ErrorCode::invalid_group_id);
  const auto group = request.group_id;
  use(group, refuse, [request = std::move(request), answer](auto& driver) { driver.delete_offsets(request, answer); });
}

void GroupCoordinatorDriver::fetch(std::vector<GroupShard::FetchOfGroup> groups, bool require_stable,
                                   Answer<std::vector<GroupShard::FetchedOfGroup>> answer) {
  const auto gather = std::make_shared<Gather<GroupShard::FetchedOfGroup>>(groups.size(), std::move(answer));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto group = groups[i].group_id;
    const auto refuse = [gather, i, group](ErrorCode error) {
      auto response = refused<GroupShard::FetchedOfGroup>(error);
      response.group_id = group;
      gather->put(i, std::move(response));
    };
    use(group, refuse, [gather, i, require_stable, request = std::move(groups[i])](auto& driver) {
      driver.fetch(request, require_stable,
                   [gather, i](GroupShard::FetchedOfGroup fetched) { gather->put(i, std::move(fetched)); });
    });
  }
}

/// Asks each group's partition. `ask(driver, group, put)` is to call `put` with the answer; those that can't be asked
/// are answered with the error and the group's id.
template <class Answered, class Ask>
void GroupCoordinatorDriver::ask_each(std::vector<std::string> groups, Answer<std::vector<Answered>> answer, Ask ask) {
  const auto gather = std::make_shared<Gather<Answered>>(groups.size(), std::move(answer));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto refuse = [gather, i, group = groups[i]](ErrorCode error) {
      auto response = refused<Answered>(error);
      response.group_id = group;
      gather->put(i, std::move(response));
    };
    use(groups[i], refuse, [gather, i, ask, group = groups[i]](GroupPartitionDriver& driver) {
      ask(driver, group, [gather, i](Answered answered) { gather->put(i, std::move(answered)); });
    });
  }
}

void GroupCoordinatorDriver::describe(std::vector<std::string> groups,
                                      Answer<std::vector<GroupShard::Described>> answer) {
  ask_each(std::move(groups), std::move(answer),
           [](GroupPartitionDriver& driver, const auto& group, auto put) { put(driver.shard().describe(group)); });
}

void GroupCoordinatorDriver::describe_consumers(std::vector<std::string> groups,
                                                Answer<std::vector<GroupShard::ConsumerDescribed>> answer) {
  ask_each(std::move(groups), std::move(answer), [](GroupPartitionDriver& driver, const auto& group, auto put) {
    if (group.empty()) return put(refused<GroupShard::ConsumerDescribed>(ErrorCode::invalid_group_id));
    driver.describe_consumer(group, std::move(put));
  });
}

void GroupCoordinatorDriver::delete_groups(std::vector<std::string> groups,
                                           Answer<std::vector<GroupShard::Deleted>> answer) {
  ask_each(std::move(groups), std::move(answer), [](GroupPartitionDriver& driver, const auto& group, auto put) {
    driver.delete_group(group, std::move(put));
  });
}

void GroupCoordinatorDriver::list(protocol::ListGroupsRequest request, Answer<protocol::ListGroupsResponse> answer) {
  const auto all = drivers();
  const auto merge = [answer](std::vector<protocol::ListGroupsResponse> parts) {
    protocol::ListGroupsResponse response;
    for (auto& part : parts) {
      if (part.error_code != ErrorCode::none) response.error_code = part.error_code;
      std::move(part.groups.begin(), part.groups.end(), std::back_inserter(response.groups));
    }
    answer(std::move(response));
  };
  const auto gather = std::make_shared<Gather<protocol::ListGroupsResponse>>(all->size(), merge);
  static const std::set<std::string_view> kStates{"empty",     "preparingrebalance", "completingrebalance",
                                                  "assigning", "reconciling",        "stable"};
  request.states_filter = reduced(request.states_filter, kStates);
  request.types_filter = reduced(request.types_filter, {"classic", "consumer"});
  const auto shared = std::make_shared<const protocol::ListGroupsRequest>(std::move(request));
  for (std::size_t i = 0; i < all->size(); ++i) {
    const auto& driver = (*all)[i];
    if (!driver) {
      gather->put(i, {});  // another broker lists those
      continue;
    }
    driver->thread().run_or_post([gather, i, shared, driver] {
      auto part = refused<protocol::ListGroupsResponse>(driver->availability());
      if (part.error_code == ErrorCode::none) part.groups = driver->shard().list(*shared);
      if (part.error_code == ErrorCode::not_coordinator) part.error_code = ErrorCode::none;
      gather->put(i, std::move(part));
    });
  }
}

}  // namespace sluice::broker::group
