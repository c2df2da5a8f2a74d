#include "broker/group/consumer_options.hpp"

namespace sluice::broker::group {

ConsumerOptions consumer_options(const config::GroupSettings& settings, const controller::MetadataImage& /*image*/,
                                 const std::string& /*group*/) {
  return {settings.consumer_session_timeout, settings.consumer_heartbeat_interval};
}

}  // namespace sluice::broker::group
