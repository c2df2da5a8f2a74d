#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/base/uuid.hpp"
#include "tests/bench/group_bench/options.hpp"
#include "tests/bench/group_bench/request_loop.hpp"

namespace sluice::bench {

struct Topic {
  std::string name;
  Uuid id;
  int partitions = 0;
};

/// What the members of one group have come to together.
struct GroupProgress {
  std::string id;
  const Topic* topic = nullptr;
  std::size_t size = 0;                 ///< members that are to be in it
  std::size_t ready = 0;                ///< of those, done with the present rebalance
  Clock::time_point last_request_at{};  ///< that a rebalance needs: what comes after it is the coordinator's time
  std::uint64_t heartbeats = 0;

  bool is_settled() const noexcept { return ready == size; }
};

/// One member, on a connection of its own: joins, follows rebalances, and keeps itself alive until it leaves.
class Member {
 public:
  Member(RequestLoop& loop, GroupProgress& group, const Options& options);
  virtual ~Member() = default;
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  virtual void join() = 0;
  /// It takes no more part; `group.size` is the caller's to change.
  virtual void leave() = 0;
  virtual std::int32_t epoch() const noexcept = 0;
  const std::string& id() const noexcept { return id_; }

 protected:
  /// Does `action` unless something else was planned, or the member has left, meanwhile.
  template <class Action>
  void plan(std::chrono::milliseconds delay, Action action) {
    loop_.after(delay, [this, planned = ++planned_, action] {
      if (planned == planned_) action();
    });
  }
  void plan_nothing() noexcept { ++planned_; }

  RequestLoop& loop_;
  LoopConnection& connection_;
  GroupProgress& group_;
  const Options& options_;
  std::string id_;
  bool has_left_ = false;

 private:
  std::uint64_t planned_ = 0;
};

/// Of the protocol that `options` say.
std::unique_ptr<Member> make_member(RequestLoop& loop, GroupProgress& group, const Options& options);
std::unique_ptr<Member> make_classic_member(RequestLoop& loop, GroupProgress& group, const Options& options);
std::unique_ptr<Member> make_consumer_member(RequestLoop& loop, GroupProgress& group, const Options& options);

}  // namespace sluice::bench
