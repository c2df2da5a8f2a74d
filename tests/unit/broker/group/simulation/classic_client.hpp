#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/messages/heartbeat.hpp"
#include "protocol/messages/join_group.hpp"
#include "protocol/messages/leave_group.hpp"
#include "protocol/messages/sync_group.hpp"
#include "tests/unit/broker/group/simulation/client.hpp"

namespace sluice::test::sim {

/// How a classic group hands partitions over: "range" gives everything up before each rebalance (eager);
/// "cooperative-sticky" keeps it, gives up what the leader takes away, and joins once more (KIP-429).
enum class Handover { eager, cooperative };

/// A consumer of the classic protocol, as Kafka's Java client goes about it.
class ClassicClient : public Client {
 public:
  ClassicClient(Surroundings around, Options options, Handover handover, std::int16_t join_version)
      : Client(around, std::move(options)), handover_(handover), join_version_(join_version) {}

  bool is_settled() const override { return state_ == State::stable && !wants_to_join_; }
  std::string describe() const override;
  void join_again() override { wants_to_join_ = true; }
  /// In which it was given what it owns.
  std::int32_t owned_generation_id() const noexcept { return owned_generation_id_; }

 protected:
  void on_start() override;
  void on_kill() override;
  void on_close() override;
  void on_poll() override;
  void on_subscribe() override { wants_to_join_ = true; }
  std::optional<std::int32_t> epoch_to_commit() const override;

 private:
  enum class State { unjoined, joining, syncing, stable };

  void prepare_join();
  void join();
  void on_joined(const protocol::JoinGroupResponse* response);
  void sync(const protocol::JoinGroupResponse& joined);
  void on_synced(const protocol::SyncGroupResponse* response);
  void take(const TopicPartitionSet& assigned);
  void beat();
  void on_beaten(const protocol::HeartbeatResponse* response);
  /// Out of the group: whatever it owned is lost. Joins again.
  void lose(protocol::ErrorCode error);
  void join_later(Time delay);
  std::vector<std::byte> subscription() const;

  const Handover handover_;
  const std::int16_t join_version_;
  State state_ = State::unjoined;
  std::int32_t generation_id_ = -1;
  std::int32_t owned_generation_id_ = -1;
  bool is_leader_ = false;
  TopicPartitionSet known_;  // as a leader: the partitions that it has assigned
  bool wants_to_join_ = false;
  bool preparing_ = false;
  bool beating_ = false;  // an answer is awaited
};

}  // namespace sluice::test::sim
