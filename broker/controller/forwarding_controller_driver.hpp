#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>

#include "broker/controller/controller.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/controller/image_publisher_driver.hpp"
#include "broker/controller/metadata_driver.hpp"
#include "broker/peer/cluster_client.hpp"
#include "broker/server/io_thread.hpp"

namespace sluice::broker::controller {

/// The controller as this node sees it: its own core where it leads the quorum, else the leader's, asked over the
/// network. A node that does not lead (any more), or can't be reached, is no answer: the request goes on to whoever
/// leads next, until its time is over. A change that was made, though the answer got lost, is made once all the same;
/// the second attempt says so as it would to any other (TOPIC_ALREADY_EXISTS, say), as with Kafka.
///
/// Threading: any thread.
class ForwardingController final : public Controller {
 public:
  struct Parts {
    BrokerId self{};
    std::chrono::milliseconds request_timeout{30000};   ///< of requests that bring no time of their own
    std::chrono::milliseconds heartbeat_timeout{2000};  ///< of those that are repeated anyway
    MetadataDriver& local;
    ImagePublisher& publisher;
    peer::ClusterClient& client;
    IoThread& thread;  ///< for timers
  };
  explicit ForwardingController(const Parts& parts);
  ~ForwardingController() override;

  void submit(ControllerRequest request, Answer<ControllerResponse> answer) override;

  /// Another leader, or none: who waits for one looks again.
  void on_leader_change();

  /// Answers everybody who waits; later requests are refused. The io thread has to end before this object does.
  void stop();

 private:
  using Instant = std::chrono::steady_clock::time_point;
  struct Pending {
    ControllerRequest request;
    Answer<ControllerResponse> answer;  // empty once called
    Instant deadline;
    std::uint64_t attempt = 0;   // an answer to an earlier one comes too late
    BrokerId asked = kNoBroker;  // kNoBroker: waits for another attempt
    bool is_decided = false;     // waits for the image only
  };
  using PendingPtr = std::shared_ptr<Pending>;

  void attempt(const PendingPtr& pending);
  void ask(const PendingPtr& pending, BrokerId leader, std::uint64_t attempt);
  void on_response(const PendingPtr& pending, std::uint64_t attempt, std::optional<ControllerResponse> response);
  void look_again();
  void watch_time();
  void finish(const PendingPtr& pending, ControllerResponse response);

  const Parts parts_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::unordered_set<PendingPtr> pending_;  // all that are not answered
  bool watches_time_ = false;               // a timer runs, or will
  std::unique_ptr<Timer> timer_;            // the io thread's
};

/// Whether `response` says of everything that it was not asked of the active controller.
bool is_not_controller(const ControllerResponse& response);

}  // namespace sluice::broker::controller
