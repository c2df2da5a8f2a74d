// GroupCoordinatorDriver: requests of members.

#include <memory>
#include <utility>

#include "broker/group/group_coordinator_driver.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

void GroupCoordinatorDriver::join(protocol::JoinGroupRequest request, Sender sender,
                                  Answer<protocol::JoinGroupResponse> answer) {
  const auto refuse = [answer, member_id = request.member_id](ErrorCode error) {
    auto response = refused<protocol::JoinGroupResponse>(error);
    response.member_id = member_id;
    answer(std::move(response));
  };
  if (request.group_id.empty()) return refuse(ErrorCode::invalid_group_id);
  const auto group = request.group_id;
  use(group, refuse,
      [request = std::move(request), sender = std::move(sender), answer = std::move(answer)](auto& driver) mutable {
        driver.join(request, sender, std::move(answer));
      });
}

void GroupCoordinatorDriver::sync(protocol::SyncGroupRequest request, Answer<protocol::SyncGroupResponse> answer) {
  const auto refuse = [answer](ErrorCode error) { answer(refused<protocol::SyncGroupResponse>(error)); };
  if (request.group_id.empty()) return refuse(ErrorCode::invalid_group_id);
  const auto group = request.group_id;
  use(group, refuse, [request = std::move(request), answer = std::move(answer)](auto& driver) mutable {
    driver.sync(request, std::move(answer));
  });
}

void GroupCoordinatorDriver::heartbeat(protocol::HeartbeatRequest request, Answer<protocol::HeartbeatResponse> answer) {
  const auto refuse = [answer](ErrorCode error) {
    // While it loads, members are taken to be alive: they must not rejoin for it.
    const bool loading = error == ErrorCode::coordinator_load_in_progress;
    answer(refused<protocol::HeartbeatResponse>(loading ? ErrorCode::none : error));
  };
  if (request.group_id.empty()) return refuse(ErrorCode::invalid_group_id);
  const auto group = request.group_id;
  use(group, refuse,
      [request = std::move(request), answer = std::move(answer)](auto& driver) { driver.heartbeat(request, answer); });
}

void GroupCoordinatorDriver::leave(protocol::LeaveGroupRequest request, Answer<protocol::LeaveGroupResponse> answer) {
  const auto refuse = [answer](ErrorCode error) { answer(refused<protocol::LeaveGroupResponse>(error)); };
  if (request.group_id.empty()) return refuse(ErrorCode::invalid_group_id);
  const auto group = request.group_id;
  use(group, refuse,
      [request = std::move(request), answer = std::move(answer)](auto& driver) { driver.leave(request, answer); });
}

void GroupCoordinatorDriver::consumer_heartbeat(protocol::ConsumerGroupHeartbeatRequest request, Sender sender,
                                                Answer<protocol::ConsumerGroupHeartbeatResponse> answer) {
  const auto refuse = [answer](ErrorCode error) { answer(refused<protocol::ConsumerGroupHeartbeatResponse>(error)); };
  const auto group = request.group_id;
  use(group, refuse,
      [request = std::move(request), sender = std::move(sender), answer = std::move(answer)](auto& driver) mutable {
        driver.consumer_heartbeat(request, sender, std::move(answer));
      });
}

void GroupCoordinatorDriver::commit(protocol::OffsetCommitRequest request, std::int16_t version,
                                    Answer<protocol::OffsetCommitResponse> answer) {
  struct Call {
    protocol::OffsetCommitRequest request;
    Answer<protocol::OffsetCommitResponse> answer;
  };
  const auto call = std::make_shared<Call>(Call{std::move(request), std::move(answer)});
  const auto refuse = [call](ErrorCode error) {
    protocol::OffsetCommitResponse response;
    for (const auto& topic : call->request.topics) {
      auto& to = response.topics.emplace_back();
      to.name = topic.name;
      to.topic_id = topic.topic_id;
      for (const auto& partition : topic.partitions) {
        auto& item = to.partitions.emplace_back();
        item.partition_index = partition.partition_index;
        item.error_code = error;
      }
    }
    call->answer(std::move(response));
  };
  use(call->request.group_id, refuse,
      [call, version](auto& driver) { driver.commit(call->request, version, std::move(call->answer)); });
}

}  // namespace sluice::broker::group
