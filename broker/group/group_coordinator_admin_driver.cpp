// GroupCoordinatorDriver: requests about offsets, and of administrators.

#include <iterator>
#include <memory>
#include <utility>

#include "broker/group/gather_driver.hpp"
#include "broker/group/group_coordinator_driver.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

void GroupCoordinatorDriver::delete_offsets(protocol::OffsetDeleteRequest request,
                                            Answer<protocol::OffsetDeleteResponse> answer) {
  const auto refuse = [answer](ErrorCode error) { answer(refused<protocol::OffsetDeleteResponse>(error)); };
  const auto group = request.group_id;
  use(group, refuse, [request = std::move(request), answer](auto& driver) { driver.delete_offsets(request, answer); });
}

void GroupCoordinatorDriver::fetch(std::vector<GroupShard::FetchOfGroup> groups,
                                   Answer<std::vector<GroupShard::FetchedOfGroup>> answer) {
  const auto gather = std::make_shared<Gather<GroupShard::FetchedOfGroup>>(groups.size(), std::move(answer));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto group = groups[i].group_id;
    const auto refuse = [gather, i, group](ErrorCode error) {
      auto response = refused<GroupShard::FetchedOfGroup>(error);
      response.group_id = group;
      gather->put(i, std::move(response));
    };
    use(group, refuse, [gather, i, request = std::move(groups[i])](auto& driver) {
      driver.fetch(request, [gather, i](GroupShard::FetchedOfGroup fetched) { gather->put(i, std::move(fetched)); });
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
    if (groups[i].empty()) {
      refuse(ErrorCode::invalid_group_id);
      continue;
    }
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
