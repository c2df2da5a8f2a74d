#include "broker/metrics/exposition.hpp"

#include <iterator>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace sluice::broker::metrics {

void Exposition::add(std::shared_ptr<const prometheus::Collectable> source) {
  const std::lock_guard lock(mutex_);
  sources_.push_back(std::move(source));
}

std::string Exposition::text() const {
  std::vector<prometheus::MetricFamily> families;
  const std::lock_guard lock(mutex_);
  for (const auto& source : sources_) {
    auto collected = source->Collect();
    families.insert(families.end(), std::make_move_iterator(collected.begin()),
                    std::make_move_iterator(collected.end()));
  }
  const prometheus::Serializer& serializer = prometheus::TextSerializer{};
  return serializer.Serialize(families);
}

}  // namespace sluice::broker::metrics
