#pragma once

#include <memory>
#include <mutex>
#include <prometheus/collectable.h>
#include <string>
#include <vector>

namespace sluice::broker::metrics {

/// Everything that is scraped, in the order it was added, as Prometheus text (exposition format 0.0.4).
///
/// Threading: any thread adds and renders. Renders run one at a time; those that write metrics never wait for them.
class Exposition {
 public:
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

  /// Kept until the exposition goes.
  void add(std::shared_ptr<const prometheus::Collectable> source);
  std::string text() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const prometheus::Collectable>> sources_;
};

}  // namespace sluice::broker::metrics
