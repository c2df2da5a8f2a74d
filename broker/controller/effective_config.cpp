#include "broker/controller/effective_config.hpp"

#include <string>
#include <utility>

#include "broker/controller/cluster_defaults.hpp"

namespace sluice::broker::controller {

config::BrokerConfig effective_config(const config::BrokerConfig& started_with, const MetadataImage& image,
                                      BrokerId self) {
  auto own = image.broker_configs(self);
  for (const auto name : kClusterDefaults) own.erase(std::string{name});
  return started_with.with_dynamic_defaults(image.broker_configs(kNoBroker)).with_dynamic_broker(std::move(own));
}

}  // namespace sluice::broker::controller
