#include "broker/group/member_limits.hpp"

#include <optional>
#include <string>

namespace sluice::broker::group {
namespace {

std::size_t size_of(const std::optional<std::string>& text) { return text ? text->size() : 0; }

}  // namespace

bool tells_too_much(const protocol::JoinGroupRequest& request) {
  auto bytes = size_of(request.group_instance_id);
  for (const auto& protocol : request.protocols) bytes += protocol.name.size() + protocol.metadata.size();
  return bytes > kToldBytesMax;
}

bool tells_too_much(const protocol::ConsumerGroupHeartbeatRequest& request) {
  auto bytes = size_of(request.instance_id) + size_of(request.rack_id) + size_of(request.subscribed_topic_regex);
  if (request.subscribed_topic_names) {
    for (const auto& topic : *request.subscribed_topic_names) bytes += topic.size();
  }
  return bytes > kToldBytesMax;
}

}  // namespace sluice::broker::group
