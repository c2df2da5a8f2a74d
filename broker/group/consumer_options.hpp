#pragma once

#include <chrono>
#include <string>

#include "broker/config/group_settings.hpp"
#include "broker/controller/metadata_image.hpp"

namespace sluice::broker::group {

/// What one group of the consumer protocol goes by.
struct ConsumerOptions {
  std::chrono::milliseconds session_timeout{0};
  std::chrono::milliseconds heartbeat_interval{0};
};

/// The group's own configuration (a GROUP config resource) where it has one, within the broker's bounds, else the
/// broker's defaults.
ConsumerOptions consumer_options(const config::GroupSettings& settings, const controller::MetadataImage& image,
                                 const std::string& group);

}  // namespace sluice::broker::group
