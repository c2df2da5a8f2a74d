#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/messages/consumer_group_heartbeat.hpp"
#include "tests/unit/broker/group/simulation/client.hpp"

namespace sluice::test::sim {

/// A consumer of the KIP-848 protocol, as Kafka's Java client goes about it: tells only what has changed since the last
/// heartbeat that was answered, gives up what it is to give up before it takes anything, and says so at once.
class ModernClient : public Client {
 public:
  /// What it asks of the group beyond its topics. A regular expression stands beside the names.
  struct Wishes {
    std::optional<std::string> assignor{};
    std::optional<std::string> rack{};
    std::optional<std::string> regex{};
  };

  ModernClient(Surroundings around, Options options, Wishes wishes)
      : Client(around, std::move(options)), wishes_(std::move(wishes)) {}

  bool is_settled() const override { return state_ == State::stable; }
  std::string describe() const override;
  TopicPartitionSet wanted() const override;
  std::int32_t member_epoch() const noexcept { return member_epoch_; }

 protected:
  void on_start() override;
  void on_kill() override;
  void on_close() override;
  void on_poll() override {}
  std::optional<std::int32_t> epoch_to_commit() const override;
  std::int32_t epoch_to_fetch() const override { return member_epoch_; }

 private:
  enum class State { joining, stable, reconciling, acknowledging, leaving };
  using Request = protocol::ConsumerGroupHeartbeatRequest;
  using Response = protocol::ConsumerGroupHeartbeatResponse;

  /// What the coordinator knows of this member, for certain.
  struct Told {
    std::optional<std::vector<std::string>> topics{};
    std::optional<std::string> regex{};
    std::optional<TopicPartitionSet> owned{};
    bool rest = false;
  };

  void beat();
  void beat_after(Time delay);
  Request next_request();
  void on_beaten(const Response* response);
  void accept(const Response& response);
  void reconcile();
  void take_target();
  /// Out of the group, or no longer at the epoch that it had: whatever it owned is lost. Joins again.
  void lose(protocol::ErrorCode error);

  const Wishes wishes_;
  State state_ = State::joining;
  std::int32_t member_epoch_ = 0;
  Told told_;
  TopicPartitionSet target_;
  bool reconciling_ = false;
  bool beating_ = false;  // an answer is awaited
  std::uint64_t beats_ = 0;
  std::uint64_t memberships_ = 0;
};

}  // namespace sluice::test::sim
