#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include "broker/controller/metadata_image.hpp"
#include "broker/server/io_thread.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::broker::controller {
class Controller;
class ImageSource;
}  // namespace sluice::broker::controller

namespace sluice::broker::replication {

class Partition;
class PartitionTable;

/// Takes the ISR changes that partitions led here want to the controller (KIP-497): all that wait in one AlterPartition
/// request, one request at a time. Brokers that the newest image shows fenced or leaving are not asked for (KIP-841).
/// What the controller could not be asked is asked again after a short while, for as long as the partition wants it.
/// Has followers that fell behind looked for once a second, or more often where replica.lag.time.max.ms is short: some
/// partitions at a time, so that others get their turn on the thread.
///
/// Threading: lives on `thread`, which must be stopped, or outlive `stop`, before this goes; all of it may be called
/// from any.
class IsrChangeDriver {
 public:
  struct Options {
    BrokerId self{};
    std::chrono::milliseconds lag_max{30000};         ///< replica.lag.time.max.ms
    std::chrono::milliseconds retry_interval{100};    ///< after a request that nobody answered
    const controller::ImageSource* images = nullptr;  ///< null: every replica may be asked for
    /// Before the followers are looked at, twice in that time: ReplicaFetchSessions::note_idle. True: there are more.
    std::function<bool(std::size_t count, bool only_refusing)> note_idle{};
  };
  IsrChangeDriver(const Options& options, IoThread& thread, PartitionTable& partitions,
                  controller::Controller& controller);
  ~IsrChangeDriver();  ///< as `stop`
  IsrChangeDriver(const IsrChangeDriver&) = delete;
  IsrChangeDriver& operator=(const IsrChangeDriver&) = delete;

  void start();
  void stop();  ///< nothing is asked any more; idempotent
  /// Of this broker's registration; nothing is asked before it is known.
  void set_broker_epoch(controller::BrokerEpoch epoch);
  /// ReplicaEvents::on_isr_change_wanted: may be called with the partition's locks held.
  void on_isr_change_wanted(const std::shared_ptr<Partition>& partition) noexcept;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace sluice::broker::replication
