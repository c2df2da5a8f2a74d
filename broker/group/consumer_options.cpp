#include "broker/group/consumer_options.hpp"

#include <algorithm>

#include "broker/config/text.hpp"

namespace sluice::broker::group {
namespace {

using std::chrono::milliseconds;

/// What was set for the group, brought within bounds that may be narrower now than they were then.
milliseconds setting_of(const controller::ConfigMap& configs, const char* name, milliseconds default_value,
                        milliseconds min, milliseconds max) {
  const auto found = configs.find(name);
  if (found == configs.end()) return default_value;
  const auto value = config::parse_integer(found->second);
  return value ? std::clamp(milliseconds{*value}, min, max) : default_value;
}

}  // namespace

ConsumerOptions consumer_options(const config::GroupSettings& settings, const controller::MetadataImage& image,
                                 const std::string& group) {
  const ConsumerOptions defaults{settings.consumer_session_timeout, settings.consumer_heartbeat_interval};
  const auto& configs = image.group_configs(group);
  if (configs.empty()) return defaults;
  const ConsumerOptions own{
      setting_of(configs, "consumer.session.timeout.ms", defaults.session_timeout,
                 settings.consumer_session_timeout_min, settings.consumer_session_timeout_max),
      setting_of(configs, "consumer.heartbeat.interval.ms", defaults.heartbeat_interval,
                 settings.consumer_heartbeat_interval_min, settings.consumer_heartbeat_interval_max)};
  // Members that heartbeat as told must never time out, whatever bounds and settings have become of one another.
  return own.heartbeat_interval < own.session_timeout ? own : defaults;
}

}  // namespace sluice::broker::group
