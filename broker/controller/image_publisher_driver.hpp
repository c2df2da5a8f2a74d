#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/server/blocking_pool.hpp"
#include "protocol/base/task.hpp"

namespace sluice::broker::controller {

/// Publishes images on a thread of its own, the metadata's, which may wait for disks: first the subscribers bring this
/// broker in step with a change, then everybody sees the image. What is offered meanwhile becomes one change.
///
/// Threading: any thread.
class ImagePublisher final : public ImageSource {
 public:
  /// On the metadata thread, before `after` is published.
  using Subscriber = std::function<void(const MetadataDelta& delta, const std::shared_ptr<const MetadataImage>& after)>;

  ImagePublisher();
  ~ImagePublisher() override;  ///< as `finish`

  /// Committed, to be published. Each follows the one before.
  void offer(ImageChange change);

  /// Tells `subscriber` of everything that the newest image holds, as new, then of every change, after those that came
  /// before it. Returns when the former is done. Not on the metadata thread.
  void subscribe(Subscriber subscriber);

  /// Calls `listener` on the metadata thread whenever an image was published from now on.
  void on_published(std::function<void()> listener);

  /// Runs `task` on the metadata thread; dropped once finished.
  void post(Task task);

  std::shared_ptr<const MetadataImage> image() const override { return image_.load(std::memory_order_acquire); }
  /// When the subscribers were told of what is being published; nullopt: nothing is. From any thread.
  std::optional<std::chrono::steady_clock::time_point> publishing_since() const;

  /// Calls `reached` once the image of `version` or a later one is published: at once, or on the metadata thread.
  /// Dropped once finished.
  void when_reached(Offset version, std::function<void()> reached);
  /// Waits until `enough` is true of the newest image, which is asked after every change and every `nudge`; false: time
  /// is over, or the publisher has finished. Not on the metadata thread.
  bool wait_for(const std::function<bool(const MetadataImage&)>& enough, std::chrono::milliseconds within);
  void nudge();

  /// Does what was offered and posted, and ends the thread. Idempotent.
  void finish();

 private:
  void run();
  void publish(const ImageChange& change);
  void merge(ImageChange change);
  std::vector<std::function<void()>> take_reached(Offset version);

  std::atomic<std::shared_ptr<const MetadataImage>> image_{std::make_shared<const MetadataImage>()};
  std::vector<Subscriber> subscribers_;  // the metadata thread's

  std::function<void()> on_published_;  // the metadata thread's

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<ImageChange> waiting_;                    // not yet published, and no task has taken it
  std::unordered_map<Uuid, std::size_t> waiting_topics_;  // where in waiting_->delta.topics
  std::optional<std::chrono::steady_clock::time_point> publishing_since_;
  bool running_ = false;  // a task is posted that will take `waiting_`
  bool finished_ = false;
  std::multimap<Offset, std::function<void()>> awaited_;
  BlockingPool pool_;
};

/// As if all of `image` were new.
MetadataDelta everything_in(const MetadataImage& image);

}  // namespace sluice::broker::controller
