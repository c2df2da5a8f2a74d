#include "broker/group/group_coordinator_driver.hpp"

#include <algorithm>
#include <utility>

#include "broker/config/broker_settings.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/group/group_partition.hpp"
#include "broker/replication/partition_table.hpp"

namespace sluice::broker::group {
namespace {

using protocol::ErrorCode;

constexpr unsigned kLoaders = 2;

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
        driver->thread().post([driver, before = change.before] { driver->forget_topic(before->name, before->id); });
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
    if (i < before->size() && (*before)[i] && (*before)[i]->serves(*partition)) {
      driver = (*before)[i];
      continue;
    }
    auto& thread = *parts_.threads[i % parts_.threads.size()];
    driver = std::make_shared<GroupPartitionDriver>(partition, thread, parts_.settings.groups, parts_.images,
                                                    parts_.metrics);
    driver->start(loaders_);
  }
  drivers_.store(after, std::memory_order_release);
  for (const auto& driver : *before) {
    if (std::find(after->begin(), after->end(), driver) == after->end()) give_up(driver);
  }
}

void GroupCoordinatorDriver::give_up(const Driver& driver) {
  if (!driver) return;
  driver->stop_loading();
  driver->thread().post([driver] { driver->stop(); });
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
  controller::call(parts_.controller, std::move(request), [done](const protocol::CreateTopicsResponse& created) {
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

}  // namespace sluice::broker::group
