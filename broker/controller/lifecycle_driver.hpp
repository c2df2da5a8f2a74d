#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/controller/broker_lifecycle.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/image_publisher_driver.hpp"
#include "broker/server/io_thread.hpp"

namespace sluice::broker::controller {

/// Keeps this broker registered and heard: sends what its BrokerLifecycle says, when it says so.
///
/// Until `serve` is called the controller is told of no image, so that the broker stays fenced.
///
/// Threading: any thread; the work is done on the io thread, which has to end before this object does.
class LifecycleDriver {
 public:
  struct Parts {
    BrokerLifecycle::Options options{};
    RegisterBrokerRequest registration{};
    Controller& controller;
    const ImagePublisher& publisher;
    IoThread& thread;
    /// Told of every change of the state, on the io thread.
    std::function<void()> on_change = [] {};
    /// Whether this broker can't do a leader's work for now, so that it is to be fenced. Asked on the io thread before
    /// each heartbeat.
    std::function<bool()> is_stalled = [] { return false; };
  };
  explicit LifecycleDriver(Parts parts);
  ~LifecycleDriver();

  void start();
  /// Everything that the image assigns to this broker is there: it may be unfenced.
  void serve();
  /// The image has grown, or another node leads the quorum: not to wait while it is fenced or not registered.
  void look();
  void set_offline_directories(std::vector<Uuid> directories);
  void set_offline_replicas(std::vector<OfflineReplica> replicas);
  /// Asks for a controlled shutdown.
  void leave();
  void stop();  ///< says nothing more

  BrokerLifecycle::State state() const noexcept { return state_.load(std::memory_order_acquire); }
  BrokerEpoch epoch() const noexcept { return BrokerEpoch{epoch_.load(std::memory_order_acquire)}; }
  std::string refusal() const;

 private:
  void advance();
  void send(const RegisterBrokerRequest& request);
  void send(const HeartbeatRequest& request);
  template <class Response>
  void on_answer(const Response& response);
  void note_state();

  const Parts parts_;
  BrokerLifecycle lifecycle_;  // the io thread's, as are all below
  std::unique_ptr<Timer> timer_;
  bool serves_ = false;
  bool stopped_ = false;
  bool told_of_duplicate_ = false;
  std::atomic<BrokerLifecycle::State> state_{BrokerLifecycle::State::unregistered};
  std::atomic<std::int64_t> epoch_{kNoBrokerEpoch.value()};
  mutable std::mutex refusal_mutex_;
  std::string refusal_;
};

}  // namespace sluice::broker::controller
