#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/group/group_shard.hpp"

namespace sluice::test {

/// A coordinator, topics "t" and "u", and consumers of both protocols in group "g" that do as real ones do. After every
/// step it checks that no partition is in the hands of two, and that the log tells what the coordinator knows.
class MixedGroup {
 public:
  enum class Protocol {
    eager,        ///< classic: gives everything up before it joins again
    cooperative,  ///< classic: keeps what it has until it is told otherwise (KIP-429)
    consumer,     ///< KIP-848
  };
  using Owned = std::set<std::pair<std::string, int>>;

  struct Client {
    std::string name;
    Protocol protocol = Protocol::consumer;
    std::optional<std::string> instance{};
    std::vector<std::string> topics{"t"};
    std::vector<std::string> assignors{"range"};
    std::int16_t blob_version = 1;

    std::string id{};
    std::int32_t epoch = 0;  ///< or generation
    bool in = false;         ///< has been admitted, and not been thrown out
    bool must_join = true;
    std::optional<broker::group::Ticket> joining{};
    std::optional<broker::group::Ticket> syncing{};
    std::optional<protocol::JoinGroupResponse> joined{};
    Owned owned{};
    protocol::ErrorCode last_error = protocol::ErrorCode::none;
  };

  explicit MixedGroup(broker::config::GroupSettings given = {}, int partitions = 6);

  Client& add(const std::string& name, Protocol protocol);
  Client& operator[](const std::string& name) { return clients_.at(name); }
  /// Every client does the next thing it has to do.
  void round();
  /// Rounds and time until nothing changes any more; everybody is in then.
  void settle();
  void act(Client& client);
  /// In the way of its protocol. It is no longer among the clients.
  void leave(const std::string& name);
  /// It says nothing more.
  void kill(const std::string& name) { clients_.erase(name); }
  void pass(std::chrono::milliseconds time);
  /// The coordinator starts anew from the log; who waited is told to find it again.
  void restart();

  bool is_classic() const { return shard->find_classic("g") != nullptr; }
  bool is_consumer() const { return shard->find_consumer("g") != nullptr; }
  const broker::group::ConsumerGroup& consumer() const { return *shard->find_consumer("g"); }
  const broker::group::ClassicGroup& classic() const { return *shard->find_classic("g"); }
  std::size_t owned_by(const std::string& name) const { return clients_.at(name).owned.size(); }
  std::size_t owned_in_all() const;

  protocol::ConsumerGroupHeartbeatResponse send(const protocol::ConsumerGroupHeartbeatRequest& request);
  broker::group::Ticket send(const protocol::JoinGroupRequest& request, std::int16_t version = 9);
  broker::group::Ticket send(const protocol::SyncGroupRequest& request);
  protocol::ErrorCode send(const protocol::HeartbeatRequest& request);
  protocol::LeaveGroupResponse send(const protocol::LeaveGroupRequest& request);
  protocol::JoinGroupRequest join_request(const Client& client) const;
  protocol::ConsumerGroupHeartbeatRequest heartbeat_request(const Client& client) const;

  broker::config::GroupSettings settings;
  std::unique_ptr<broker::group::GroupShard> shard;
  std::shared_ptr<broker::controller::MetadataImage> image;
  broker::group::Now now{.wall = Timestamp{1'700'000'000'000}, .steady = std::chrono::seconds{1}};
  std::vector<broker::group::GroupRecord> log;
  std::map<broker::group::Ticket, protocol::JoinGroupResponse> joins;
  std::map<broker::group::Ticket, protocol::SyncGroupResponse> syncs;

 private:
  void act_classic(Client& client);
  void act_consumer(Client& client);
  void start_join(Client& client);
  void finish_join(Client& client, const protocol::JoinGroupResponse& answer);
  void finish_sync(Client& client, const protocol::SyncGroupResponse& answer);
  void throw_out(Client& client);
  void take_over(Client& client, const Owned& assigned);
  std::vector<protocol::SyncGroupRequest::SyncGroupRequestAssignment> assign(
      const protocol::JoinGroupResponse& joined) const;
  Owned names_of(const broker::group::TopicPartitions& partitions) const;
  void perform(broker::group::Effects effects);
  void write(const std::vector<broker::group::GroupRecord>& records);
  void check() const;

  std::map<std::string, Client> clients_;
  std::uint64_t next_ticket_ = 1;
  std::uint8_t next_id_ = 1;
};

/// In the format of the consumer protocol.
std::vector<std::byte> subscription_blob(const std::vector<std::string>& topics, const MixedGroup::Owned& owned,
                                         std::int16_t version);

}  // namespace sluice::test
