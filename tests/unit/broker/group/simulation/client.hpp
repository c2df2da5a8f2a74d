#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/broker/group/simulation/coordinator.hpp"
#include "tests/unit/broker/group/simulation/ledger.hpp"
#include "tests/unit/broker/group/simulation/network.hpp"
#include "tests/unit/broker/group/simulation/topics.hpp"
#include "tests/unit/broker/group/simulation/world.hpp"

namespace sluice::test::sim {

class Client;

/// What clients have around them.
struct Surroundings {
  World& world;
  Network& network;
  Coordinator& coordinator;
  const Topics& topics;
  Ledger& ledger;
  std::function<void(const Client&)> on_owned = nullptr;  ///< a client has taken partitions over
};

/// One consumer, as far as the protocol of its group does not matter: a process that lives, is stopped and dies, reads
/// what it owns from where the group was, and commits how far it came.
class Client {
 public:
  struct Options {
    std::string name;
    std::optional<std::string> instance_id{};  ///< a static member
    std::vector<int> topics{};                 ///< ascending
    std::int32_t session_timeout_ms = 6000;
    std::int32_t rebalance_timeout_ms = 8000;
    Time heartbeat_interval{2000};
    Time poll_interval{700};
  };

  Client(Surroundings around, Options options) : around_(around), options_(std::move(options)) {}
  virtual ~Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const std::string& name() const noexcept { return options_.name; }
  bool is_running() const noexcept { return running_; }
  bool is_paused() const noexcept { return paused_; }
  const TopicPartitionSet& owned() const noexcept { return owned_; }

  /// A new process. Pre: not running.
  void start();
  /// Nobody is told.
  void kill();
  /// Commits, leaves, ends.
  void close();
  /// As SIGSTOP and SIGCONT: everything that happens in between happens at the end, in its order.
  void pause();
  void resume();
  /// Reads these from now on.
  void subscribe(std::vector<int> topics);

  /// Asks for a rebalance, where a member can.
  virtual void join_again() {}

  /// Its id in the group; empty while it has none.
  const std::string& member_id() const noexcept { return member_id_; }
  /// It believes that all is well: a member, with nothing under way.
  virtual bool is_settled() const = 0;
  virtual std::string describe() const = 0;
  /// What it should read: all that it subscribes.
  virtual TopicPartitionSet wanted() const { return around_.topics.partitions_of(options_.topics); }

 protected:
  virtual void on_start() = 0;
  virtual void on_kill() = 0;
  /// To leave the group; then `ended`.
  virtual void on_close() = 0;
  /// Now and then, before it reads.
  virtual void on_poll() = 0;
  virtual void on_subscribe() {}
  /// With what epoch or generation it commits; nullopt: it can't right now.
  virtual std::optional<std::int32_t> epoch_to_commit() const = 0;
  virtual std::int32_t epoch_to_fetch() const { return -1; }

  void ended();
  /// In this life of the process only, and not while it is stopped.
  void later(Time delay, std::function<void()> action);
  template <class Response>
  void call(Time timeout, std::function<void(Answer<Response>)> send, std::function<void(const Response*)> done) {
    around_.network.call<Response>(
        line_, timeout, std::move(send), [this, life = life_, done = std::move(done)](const Response* response) {
          if (life != life_) return;
          if (!paused_) return done(response);
          deferred_.push_back(
              [done, copy = response ? std::optional{*response} : std::nullopt] { done(copy ? &*copy : nullptr); });
        });
  }
  void own(TopicPartitionSet partitions);
  /// Commits what was read and is not committed; `then` when all commits are answered, or never will be.
  void commit_and_wait(std::function<void()> then);
  template <class... Args>
  void note(fmt::format_string<Args...> text, Args&&... args) {
    around_.world.note("{}: {}", options_.name, fmt::format(text, std::forward<Args>(args)...));
  }
  Random& random() { return around_.world.random; }
  std::optional<std::string> instance_id() const { return options_.instance_id; }

  const Surroundings around_;
  Options options_;
  std::string member_id_;

 private:
  /// One partition in this client's hands.
  struct Reading {
    std::uint64_t acquisition = 0;           // counts: another one is another Reading
    std::optional<std::int64_t> position{};  // nullopt: not asked for yet
    std::int64_t committed = -1;
  };
  struct SentOffset {
    TopicPartition of;
    std::uint64_t acquisition;
    std::int64_t number;  // the ledger's
    std::int64_t offset;
  };
  using SentOffsets = std::vector<SentOffset>;

  void poll();
  void read();
  void fetch_positions();
  void on_fetched(const std::map<TopicPartition, std::uint64_t>& asked,
                  const broker::group::GroupShard::FetchedOfGroup* fetched);
  void commit();
  void commit_topic(SentOffsets offsets);
  void on_committed(const SentOffsets& offsets, const protocol::OffsetCommitResponse* response);
  bool still_has(const SentOffset& sent) const;

  Network::Line line_;
  std::uint64_t life_ = 0;
  bool running_ = false;
  bool paused_ = false;
  bool closing_ = false;
  std::vector<std::function<void()>> deferred_;
  TopicPartitionSet owned_;
  std::map<TopicPartition, Reading> readings_;  // of owned_
  std::uint64_t acquisitions_ = 0;
  std::uint64_t commits_ = 0;
  int commits_under_way_ = 0;
  std::vector<std::function<void()>> waiting_;  // until there are none
  bool fetching_ = false;
  int polls_ = 0;
};

}  // namespace sluice::test::sim
