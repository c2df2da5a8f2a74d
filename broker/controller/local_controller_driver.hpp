#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_log_driver.hpp"
#include "protocol/base/result.hpp"

namespace sluice::broker::controller {

/// The controller of a broker that runs alone: decides, writes the metadata log, publishes images.
///
/// Commands wait in a queue; one task at a time takes all that wait, decides them in order, makes their records durable
/// with one sync, tells the subscriber, publishes the image and answers. When the records can't be made durable, none
/// of them is applied and their commands are answered KAFKA_STORAGE_ERROR.
class LocalControllerDriver final : public Controller, public ImageSource {
 public:
  /// Runs a task later, on a thread that may block. Tasks need not be serial: at most one is under way.
  using Post = std::function<void(std::function<void()>)>;
  /// Called on the queue's thread before `after` is published and its commands are answered.
  using Subscriber = std::function<void(const MetadataImage& before, const std::shared_ptr<const MetadataImage>& after,
                                        const MetadataDelta& delta)>;
  struct Options {
    std::string directory;   ///< of the metadata log: <first log dir>/__cluster_metadata-0
    std::string cluster_id;  ///< of the data directories; noted at first start
    BrokerImage self;        ///< registration: noted when it is new or changed
    std::shared_ptr<const config::BrokerConfig> config;
    std::function<Timestamp()> now;
    std::function<Uuid()> make_uuid = [] { return Uuid::random(); };
  };

  /// Replays the log and registers this broker; image() is complete when it returns.
  /// Errors: of storage; bad_message: records of a newer version; invalid_argument: another cluster's log.
  static Result<std::unique_ptr<LocalControllerDriver>> open(storage::FileSystem& fs, Options options, Post post);

  /// Tells `subscriber` of everything there is, on the calling thread, then of every change. Call once, before any
  /// command.
  void subscribe(Subscriber subscriber);

  /// Answers what waits and closes the log; later commands are answered KAFKA_STORAGE_ERROR. No task may be under way.
  Result<> close();

  std::shared_ptr<const MetadataImage> image() const override { return image_.load(std::memory_order_acquire); }

  void create_topics(protocol::CreateTopicsRequest request, Answer<protocol::CreateTopicsResponse> answer) override;
  void delete_topics(protocol::DeleteTopicsRequest request, Answer<protocol::DeleteTopicsResponse> answer) override;
  void create_partitions(protocol::CreatePartitionsRequest request,
                         Answer<protocol::CreatePartitionsResponse> answer) override;
  void alter_configs(protocol::AlterConfigsRequest request, Answer<protocol::AlterConfigsResponse> answer) override;
  void incremental_alter_configs(protocol::IncrementalAlterConfigsRequest request,
                                 Answer<protocol::IncrementalAlterConfigsResponse> answer) override;
  void allocate_producer_ids(protocol::AllocateProducerIdsRequest request,
                             Answer<protocol::AllocateProducerIdsResponse> answer) override;

 private:
  /// Answers one decided command, when it is known whether its records are durable.
  using Finish = std::function<void(bool durable)>;
  /// Decides on the state that the commands before it leave, and appends its records.
  using Command = std::function<Finish(const ClusterState& state, std::vector<MetadataRecord>& records)>;

  LocalControllerDriver(Options options, Post post);

  template <class Request, class Response>
  void submit(Request request, Answer<Response> answer);
  void run();
  void run_group(std::vector<Command> commands);
  /// Records `records` and applies them; on failure the state is as before.
  Result<> commit(const ClusterState& before, const std::vector<MetadataRecord>& records);
  Result<> register_self();

  const Options options_;
  const Post post_;
  ClusterState state_;  // run()'s
  std::unique_ptr<MetadataLog> log_;
  Subscriber subscriber_;
  ImageChange initial_;
  std::atomic<std::shared_ptr<const MetadataImage>> image_;

  std::mutex mutex_;
  std::vector<Command> waiting_;
  bool running_ = false;  // a task is posted or under way
  bool closed_ = false;
};

}  // namespace sluice::broker::controller
