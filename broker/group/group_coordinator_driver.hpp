#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "broker/group/group_partition_driver.hpp"
#include "broker/server/blocking_pool.hpp"

namespace sluice::broker {

namespace config {
struct BrokerSettings;
}
namespace controller {
class Controller;
class ImageSource;
}  // namespace controller
namespace replication {
class PartitionTable;
}

namespace group {

/// This broker's part in coordinating groups: one GroupPartitionDriver for each partition of `__consumer_offsets` that
/// it leads, spread over the io threads. Requests are passed to the partition that keeps their group.
///
/// Threading: any thread; answers come on any thread, at once or later.
class GroupCoordinatorDriver {
 public:
  struct Parts {
    const config::BrokerSettings& settings;
    controller::Controller& controller;
    controller::ImageSource& images;
    replication::PartitionTable& partitions;
    const std::vector<std::unique_ptr<IoThread>>& threads;
    metrics::GroupMetrics& metrics;
  };
  explicit GroupCoordinatorDriver(const Parts& parts);
  ~GroupCoordinatorDriver();

  /// Follows the metadata, on its thread, after the partitions did: takes up and gives up groups, and forgets offsets
  /// of deleted topics.
  void apply(const controller::MetadataDelta& delta);
  void forget_expired();
  /// Gives up all groups: whoever waits is told. Before the io threads stop.
  void stop();

  /// Creates `__consumer_offsets` if it is not there; `done` gets none once the image shows it.
  void ensure_topic(Answer<protocol::ErrorCode> done);

  // Requests of members: group_coordinator_members_driver.cpp
  void join(protocol::JoinGroupRequest request, Sender sender, Answer<protocol::JoinGroupResponse> answer);
  void sync(protocol::SyncGroupRequest request, Answer<protocol::SyncGroupResponse> answer);
  void heartbeat(protocol::HeartbeatRequest request, Answer<protocol::HeartbeatResponse> answer);
  void leave(protocol::LeaveGroupRequest request, Answer<protocol::LeaveGroupResponse> answer);
  void consumer_heartbeat(protocol::ConsumerGroupHeartbeatRequest request, Sender sender,
                          Answer<protocol::ConsumerGroupHeartbeatResponse> answer);
  /// Topics by name; see GroupShard.
  void commit(protocol::OffsetCommitRequest request, std::int16_t version,
              Answer<protocol::OffsetCommitResponse> answer);

  // Requests of administrators, and of members about offsets: group_coordinator_admin_driver.cpp
  void delete_offsets(protocol::OffsetDeleteRequest request, Answer<protocol::OffsetDeleteResponse> answer);

  // Answers are in the order of the request.
  void fetch(std::vector<GroupShard::FetchOfGroup> groups, bool require_stable,
             Answer<std::vector<GroupShard::FetchedOfGroup>> answer);
  void describe(std::vector<std::string> groups, Answer<std::vector<GroupShard::Described>> answer);
  void describe_consumers(std::vector<std::string> groups, Answer<std::vector<GroupShard::ConsumerDescribed>> answer);
  void delete_groups(std::vector<std::string> groups, Answer<std::vector<GroupShard::Deleted>> answer);
  void list(protocol::ListGroupsRequest request, Answer<protocol::ListGroupsResponse> answer);

  /// Counts the groups of all partitions; waits for their threads, but no longer than half a second for all. Not on one
  /// of them. group_census_driver.cpp
  GroupCensus census() const;

 private:
  using Driver = std::shared_ptr<GroupPartitionDriver>;
  /// One entry for each partition of the topic; null where another broker leads.
  using Drivers = std::vector<Driver>;

  std::shared_ptr<const Drivers> drivers() const { return drivers_.load(std::memory_order_acquire); }
  Driver driver_of(const std::string& group) const;
  void take_up(const controller::TopicImage& topic);
  void give_up(const Driver& driver);

  /// Calls `use(driver)` on the thread of the partition that keeps `group`, or `refuse(error)` when it can't be used.
  template <class Refuse, class Use>
  void use(const std::string& group, Refuse refuse, Use use) {
    const auto driver = driver_of(group);
    if (!driver) return refuse(protocol::ErrorCode::not_coordinator);
    driver->thread().run_or_post([driver, refuse = std::move(refuse), use = std::move(use)]() mutable {
      const auto error = driver->availability();
      if (error != protocol::ErrorCode::none) return refuse(error);
      use(*driver);
    });
  }

  template <class Answered, class Ask>
  void ask_each(std::vector<std::string> groups, Answer<std::vector<Answered>> answer, Ask ask);

  const Parts parts_;
  BlockingPool loaders_;
  std::atomic<std::shared_ptr<const Drivers>> drivers_{std::make_shared<const Drivers>()};
};

}  // namespace group
}  // namespace sluice::broker
