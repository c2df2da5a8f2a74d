#include "broker/controller/image_publisher_driver.hpp"

#include <algorithm>
#include <utility>

namespace sluice::broker::controller {

MetadataDelta everything_in(const MetadataImage& image) {
  MetadataDelta delta;
  delta.topics.reserve(image.topic_count());
  image.for_each_topic([&](const TopicImage& topic) {
    delta.topics.push_back({.before = nullptr, .after = image.share_topic(topic.id)});
  });
  delta.brokers_changed = !image.brokers().empty();
  delta.features_changed = !image.features().empty();
  if (!image.broker_configs(kNoBroker).empty()) delta.broker_configs.push_back(kNoBroker);
  for (const auto& broker : image.brokers()) {
    if (!image.broker_configs(broker.id).empty()) delta.broker_configs.push_back(broker.id);
  }
  return delta;
}

ImagePublisher::ImagePublisher() : pool_(1, "sluice-metadata") {}

ImagePublisher::~ImagePublisher() { finish(); }

void ImagePublisher::offer(ImageChange change) {
  const std::lock_guard lock{mutex_};
  if (finished_) return;
  merge(std::move(change));
  if (!std::exchange(running_, true)) pool_.post([this] { run(); });
}

/// Pre: under the lock.
void ImagePublisher::merge(ImageChange change) {
  if (!waiting_) {
    waiting_topics_.clear();
    waiting_ = ImageChange{.before = change.before, .after = nullptr, .delta = {}};
  }
  auto& into = waiting_->delta;
  waiting_->after = std::move(change.after);
  into.brokers_changed |= change.delta.brokers_changed;
  into.features_changed |= change.delta.features_changed;
  for (const auto id : change.delta.broker_configs) {
    if (std::ranges::find(into.broker_configs, id) == into.broker_configs.end()) into.broker_configs.push_back(id);
  }
  for (auto& topic : change.delta.topics) {
    const auto& id = (topic.after ? topic.after : topic.before)->id;
    const auto [at, is_new] = waiting_topics_.try_emplace(id, into.topics.size());
    if (is_new) {
      into.topics.push_back(std::move(topic));
    } else {
      into.topics[at->second].after = std::move(topic.after);
    }
  }
}

void ImagePublisher::run() {
  ImageChange change;
  {
    const std::lock_guard lock{mutex_};
    running_ = false;
    if (!waiting_) return;
    change = std::move(*waiting_);
    waiting_.reset();
    publishing_since_ = std::chrono::steady_clock::now();
  }
  // Created and deleted again meanwhile: nothing to see.
  std::erase_if(change.delta.topics, [](const TopicChange& topic) { return !topic.before && !topic.after; });
  publish(change);
  const std::lock_guard lock{mutex_};
  publishing_since_.reset();
}

std::optional<std::chrono::steady_clock::time_point> ImagePublisher::publishing_since() const {
  const std::lock_guard lock{mutex_};
  return publishing_since_;
}

void ImagePublisher::publish(const ImageChange& change) {
  for (const auto& subscriber : subscribers_) subscriber(change.delta, change.after);
  image_.store(change.after, std::memory_order_release);
  for (const auto& reached : take_reached(change.after->version())) reached();
  changed_.notify_all();
  if (on_published_) on_published_();
}

std::vector<std::function<void()>> ImagePublisher::take_reached(Offset version) {
  const std::lock_guard lock{mutex_};
  std::vector<std::function<void()>> reached;
  const auto end = awaited_.upper_bound(version);
  for (auto at = awaited_.begin(); at != end; ++at) reached.push_back(std::move(at->second));
  awaited_.erase(awaited_.begin(), end);
  return reached;
}

void ImagePublisher::subscribe(Subscriber subscriber) {
  std::mutex done_mutex;
  std::condition_variable told;
  bool done = false;
  const auto subscribe_now = [&] {
    const auto newest = image();
    subscriber(everything_in(*newest), newest);
    subscribers_.push_back(std::move(subscriber));
    const std::lock_guard lock{done_mutex};
    done = true;
    told.notify_all();
  };
  {
    const std::lock_guard lock{mutex_};
    if (finished_) return;
    pool_.post([&] { subscribe_now(); });
  }
  std::unique_lock lock{done_mutex};
  told.wait(lock, [&] { return done; });
}

void ImagePublisher::on_published(std::function<void()> listener) {
  post([this, listener = std::move(listener)]() mutable { on_published_ = std::move(listener); });
}

void ImagePublisher::post(Task task) {
  const std::lock_guard lock{mutex_};
  if (!finished_) pool_.post(std::move(task));
}

void ImagePublisher::when_reached(Offset version, std::function<void()> reached) {
  {
    const std::lock_guard lock{mutex_};
    // The image is published before the lock is taken to look for who waits: nobody is missed.
    if (image()->version() < version) {
      if (!finished_) awaited_.emplace(version, std::move(reached));
      return;
    }
  }
  reached();
}

bool ImagePublisher::wait_for(const std::function<bool(const MetadataImage&)>& enough,
                              std::chrono::milliseconds within) {
  std::unique_lock lock{mutex_};
  bool is_enough = false;
  changed_.wait_for(lock, within, [&] { return (is_enough = enough(*image())) || finished_; });
  return is_enough;
}

void ImagePublisher::nudge() {
  const std::lock_guard lock{mutex_};
  changed_.notify_all();
}

void ImagePublisher::finish() {
  {
    const std::lock_guard lock{mutex_};
    if (std::exchange(finished_, true)) return;
  }
  pool_.finish();
  const std::lock_guard lock{mutex_};
  awaited_.clear();
  changed_.notify_all();
}

}  // namespace sluice::broker::controller
