#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/group/consumer/consumer_group.hpp"

namespace sluice::test {

/// One ConsumerGroup with what surrounds it: topics, a clock, the log of its records, and members that do as clients
/// do. After every step it checks that the log, compacted or not, tells what the group is, and that no partition has
/// two owners.
class ConsumerGroupHarness {
 public:
  using Request = protocol::ConsumerGroupHeartbeatRequest;
  using Response = protocol::ConsumerGroupHeartbeatResponse;
  using Change = std::function<void(Request&)>;
  using Partitions = std::vector<int>;

  /// A member as its client sees it.
  struct Client {
    std::string id;
    std::optional<std::string> instance{};
    std::int32_t epoch = 0;
    broker::group::TopicPartitions owned{};
  };

  explicit ConsumerGroupHarness(broker::config::GroupSettings given = {});

  // Topics.
  void create(const std::string& topic, int partitions, const std::vector<int>& replicas = {});
  void grow(const std::string& topic, int partitions);
  void remove(const std::string& topic);
  void set_rack(int broker, std::optional<std::string> rack);
  /// Something else in the cluster changes.
  void touch() { image.set_version(image.version() + 1); }

  // Requests, as of the named member. `change` has the last word on them.
  Response send(const Request& request, std::int16_t version = 1);
  /// Everything, at epoch 0; the client starts afresh.
  Response join(const std::string& id, std::vector<std::string> topics, const Change& change = {});
  Response join_static(const std::string& id, const std::string& instance, std::vector<std::string> topics);
  /// What a client sends while nothing changes, with what it owns; it does as the answer says.
  Response beat(const std::string& id, const Change& change = {});
  /// As `beat`, but the answer is lost.
  Response beat_in_vain(const std::string& id, const Change& change = {});
  Response leave(const std::string& id, std::int32_t epoch = -1);
  /// Everybody heartbeats in turn until nothing changes any more.
  void settle();

  /// Time passes; true when the group asked to be told.
  bool pass(std::chrono::milliseconds time);

  // Looks.
  const broker::group::ConsumerMember& member(const std::string& id) const { return group->members().at(id); }
  const Client& client(const std::string& id) const { return clients_.at(id); }
  /// What a client owns of a topic.
  Partitions owned(const std::string& id, const std::string& topic) const;
  Partitions assigned(const std::string& id, const std::string& topic) const;
  Partitions pending(const std::string& id, const std::string& topic) const;
  Uuid id_of(const std::string& topic) const { return image.find_topic(topic)->id; }
  /// Number of records of the last step.
  std::size_t written() const noexcept { return written_; }
  template <class Record>
  std::size_t count_written() const {
    std::size_t count = 0;
    for (auto at = log.size() - written_; at < log.size(); ++at) count += std::holds_alternative<Record>(log[at]);
    return count;
  }

  /// The coordinator starts anew from the log.
  void restart();

  broker::config::GroupSettings settings;
  broker::controller::MetadataImage image;
  broker::group::Now now{Timestamp{1'000'000}, std::chrono::milliseconds{0}};
  std::vector<broker::group::GroupRecord> log;
  std::unique_ptr<broker::group::ConsumerGroup> group;

 private:
  Request request_of(const Client& client) const;
  Response exchange(const Request& request, const Change& change);
  void obey(Client& client, const Response& response);
  std::unique_ptr<broker::group::ConsumerGroup> replayed(const std::vector<broker::group::GroupRecord>& records) const;
  void write(std::vector<broker::group::GroupRecord> records);
  void check_log() const;
  void check_same(const broker::group::ConsumerGroup& other) const;
  void check_owners() const;

  std::map<std::string, Client> clients_;
  std::uint8_t topics_made_ = 0;
  std::size_t written_ = 0;
};

}  // namespace sluice::test
