#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "broker/replication/partition.hpp"
#include "broker/server/io_thread.hpp"
#include "broker/server/respond.hpp"
#include "protocol/messages/produce.hpp"

namespace sluice::broker::api {

/// The answer of an acks=all request while its records are on their way to being safe: given when the last partition
/// has acknowledged, or when the client's time is up, which answers REQUEST_TIMED_OUT for those that have not.
///
/// Threading: on the connection's thread, except for the acknowledgements.
class AwaitedProduce : public std::enable_shared_from_this<AwaitedProduce> {
 public:
  struct Appended {
    std::shared_ptr<replication::Partition> partition;
    std::size_t topic;  ///< where its answer is in the response
    std::size_t index;
    Offset end;
    LeaderEpoch leader_epoch{-1};  ///< read before the append
  };

  /// `response` is what to say once everything is acknowledged.
  AwaitedProduce(protocol::ProduceResponse response, Respond<protocol::ProduceResponse> respond, IoThread& thread);

  void start(std::vector<Appended> appended, std::chrono::milliseconds timeout);

 private:
  void acknowledged(std::size_t place, protocol::ErrorCode outcome);
  void answer();

  protocol::ProduceResponse response_;
  std::optional<Respond<protocol::ProduceResponse>> respond_;  // empty once answered
  IoThread& thread_;
  std::vector<Appended> places_;
  std::unique_ptr<Timer> deadline_;
  std::mutex mutex_;  // of the two below
  std::vector<protocol::ErrorCode> outcomes_;
  std::size_t open_ = 0;
};

}  // namespace sluice::broker::api
