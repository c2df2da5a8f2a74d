#include "broker/group/group_coordinator_driver.hpp"

#include <algorithm>
#include <utility>

#include "broker/config/broker_settings.hpp"
#include "broker/controller/controller.hpp"
#include "broker/group/gather_driver.hpp"
#include "broker/group/group_partition.hpp"
#include "broker/replication/partition_table.hpp"

namespace sluice::broker::group {
namespace {

using protocol::ErrorCode;

constexpr unsigned kLoaders = 2;

template <class Response>
Response refused(ErrorCode error) {
  Response response;
  response.error_code = error;
  return response;
}

}  // namespace

GroupCoordinatorDriver::GroupCoordinatorDriver(const Parts& parts)
    : parts_(parts), loaders_(kLoaders, "sluice-groups") {}

GroupCoordinatorDriver::~GroupCoordinatorDriver() { loaders_.finish(); }

void GroupCoordinatorDriver::apply(const controller::MetadataDelta& delta) {
  for (const auto& change : delta.topics) {
    if (change.after && change.after->name == kOffsetsTopic) {
      take_up(*change.after);
    } else if (change.before && !change.after && change.before->name == kOffsetsTopic) {
      const auto before = drivers_.exchange(std::make_shared<const Drivers>());
      for (const auto& driver : *before) give_up(driver);
    } else if (change.before && (!change.after || change.after->id != change.before->id)) {
      const auto all = drivers();
      for (const auto& driver : *all) {
        if (!driver) continue;
        driver->thread().post([driver, before = change.before] {
          if (driver->availability() == ErrorCode::none) driver->forget_topic(before->name, before->id);
        });
      }
    }
  }
}

void GroupCoordinatorDriver::take_up(const controller::TopicImage& topic) {
  const auto before = drivers();
  auto after = std::make_shared<Drivers>(topic.partitions.size());
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    const auto partition = parts_.partitions.find(kOffsetsTopic, PartitionId{static_cast<std::int32_t>(i)});
    if (!partition || !partition->is_leader()) continue;
    auto& driver = (*after)[i];
    if (i < before->size() && (*before)[i] && &(*before)[i]->partition() == partition.get()) {
      driver = (*before)[i];
      continue;
    }
    auto& thread = *parts_.threads[i % parts_.threads.size()];
    driver = std::make_shared<GroupPartitionDriver>(partition, thread, parts_.settings.groups);
    driver->start(loaders_);
  }
  drivers_.store(after, std::memory_order_release);
  for (const auto& driver : *before) {
    if (std::find(after->begin(), after->end(), driver) == after->end()) give_up(driver);
  }
}

void GroupCoordinatorDriver::give_up(const Driver& driver) {
  if (driver) driver->thread().post([driver] { driver->stop(); });
}

void GroupCoordinatorDriver::stop() {
  const auto all = drivers();
  for (const auto& driver : *all) give_up(driver);
}

void GroupCoordinatorDriver::forget_expired() {
  const auto all = drivers();
  for (const auto& driver : *all) {
    if (!driver) continue;
    driver->thread().post([driver] {
      if (driver->availability() == ErrorCode::none) driver->forget_expired();
    });
  }
}

void GroupCoordinatorDriver::ensure_topic(Answer<ErrorCode> done) {
  const auto image = parts_.images.image();
  if (image->find_topic(kOffsetsTopic) != nullptr) return done(ErrorCode::none);
  const auto live = std::count_if(image->brokers().begin(), image->brokers().end(),
                                  [](const auto& broker) { return !broker.fenced; });
  const auto& settings = parts_.settings.groups;
  protocol::CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = kOffsetsTopic;
  topic.num_partitions = settings.offsets_topic_num_partitions;
  topic.replication_factor =
      static_cast<std::int16_t>(std::clamp<long>(live, 1, settings.offsets_topic_replication_factor));
  const auto configure = [&](std::string key, std::string value) {
    auto& config = topic.configs.emplace_back();
    config.name = std::move(key);
    config.value = std::move(value);
  };
  configure("cleanup.policy", "compact");
  configure("compression.type", "producer");
  configure("segment.bytes", std::to_string(settings.offsets_topic_segment_bytes));
  parts_.controller.create_topics(std::move(request), [done](const protocol::CreateTopicsResponse& created) {
    const auto error = created.topics.empty() ? ErrorCode::unknown_server_error : created.topics.front().error_code;
    done(error == ErrorCode::topic_already_exists ? ErrorCode::none : error);
  });
}

GroupCoordinatorDriver::Driver GroupCoordinatorDriver::driver_of(const std::string& group) const {
  const auto all = drivers();
  if (all->empty()) return nullptr;
  const auto partition = partition_of_group(group, static_cast<std::int32_t>(all->size()));
  return (*all)[static_cast<std::size_t>(partition.value())];
}

/// Calls `use(driver)` on the thread of the partition that keeps `group`, or `refuse(error)` when it can't be used.
template <class Refuse, class Use>
void GroupCoordinatorDriver::use(const std::string& group, Refuse refuse, Use use) {
  const auto driver = driver_of(group);
  if (!driver) return refuse(ErrorCode::not_coordinator);
  driver->thread().run_or_post([driver, refuse = std::move(refuse), use = std::move(use)]() mutable {
    const auto error = driver->availability();
    if (error != ErrorCode::none) return refuse(error);
    use(*driver);
  });
}

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

void GroupCoordinatorDriver::commit(protocol::OffsetCommitRequest request,
                                    Answer<protocol::OffsetCommitResponse> answer) {
  auto shared = std::make_shared<const protocol::OffsetCommitRequest>(std::move(request));
  const auto refuse = [answer, shared](ErrorCode error) {
    protocol::OffsetCommitResponse response;
    for (const auto& topic : shared->topics) {
      auto& to = response.topics.emplace_back();
      to.name = topic.name;
      to.topic_id = topic.topic_id;
      for (const auto& partition : topic.partitions) {
        auto& item = to.partitions.emplace_back();
        item.partition_index = partition.partition_index;
        item.error_code = error;
      }
    }
    answer(std::move(response));
  };
  use(shared->group_id, refuse, [shared, answer](auto& driver) { driver.commit(*shared, answer); });
}

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
    use(group, refuse,
        [gather, i, request = std::move(groups[i])](auto& driver) { gather->put(i, driver.shard().fetch(request)); });
  }
}

void GroupCoordinatorDriver::describe(std::vector<std::string> groups,
                                      Answer<std::vector<GroupShard::Described>> answer) {
  const auto gather = std::make_shared<Gather<GroupShard::Described>>(groups.size(), std::move(answer));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto refuse = [gather, i, group = groups[i]](ErrorCode error) {
      auto response = refused<GroupShard::Described>(error);
      response.group_id = group;
      gather->put(i, std::move(response));
    };
    if (groups[i].empty()) {
      refuse(ErrorCode::invalid_group_id);
      continue;
    }
    use(groups[i], refuse,
        [gather, i, group = groups[i]](auto& driver) { gather->put(i, driver.shard().describe(group)); });
  }
}

void GroupCoordinatorDriver::delete_groups(std::vector<std::string> groups,
                                           Answer<std::vector<GroupShard::Deleted>> answer) {
  const auto gather = std::make_shared<Gather<GroupShard::Deleted>>(groups.size(), std::move(answer));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto refuse = [gather, i, group = groups[i]](ErrorCode error) {
      auto response = refused<GroupShard::Deleted>(error);
      response.group_id = group;
      gather->put(i, std::move(response));
    };
    if (groups[i].empty()) {
      refuse(ErrorCode::invalid_group_id);
      continue;
    }
    use(groups[i], refuse, [gather, i, group = groups[i]](auto& driver) {
      driver.delete_group(group, [gather, i](GroupShard::Deleted deleted) { gather->put(i, std::move(deleted)); });
    });
  }
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
