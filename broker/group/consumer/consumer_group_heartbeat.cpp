#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "broker/group/consumer/consumer_group.hpp"
#include "broker/group/consumer/sorted_names.hpp"
#include "broker/group/consumer/topic_regex.hpp"
#include "broker/group/consumer_options.hpp"
#include "broker/group/member_limits.hpp"
#include "protocol/base/clipped.hpp"

namespace sluice::broker::group {
namespace {

using protocol::ErrorCode;
using Request = protocol::ConsumerGroupHeartbeatRequest;

// Member epochs of a request that are none (KIP-848).
constexpr std::int32_t kJoining = 0;
constexpr std::int32_t kLeaving = -1;
constexpr std::int32_t kPausing = -2;  // a static member, which will be back before its session ends
/// From this version on a client makes its member id itself.
constexpr std::int16_t kClientMakesId = 1;

bool is_blank(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' '; });
}
bool is_blank(const std::optional<std::string>& text) { return text && is_blank(*text); }

/// A member sends everything when it is not sure what the coordinator knows; the answer has everything, too.
bool is_full(const Request& request) {
  return request.rebalance_timeout_ms != -1 && (request.subscribed_topic_names || request.subscribed_topic_regex) &&
         request.topic_partitions;
}

template <class Refusal>
Decision<protocol::ConsumerGroupHeartbeatResponse> refused(Refusal refusal) {
  Decision<protocol::ConsumerGroupHeartbeatResponse> decision;
  decision.response.error_code = refusal.error;
  decision.response.error_message = std::move(refusal.message);
  return decision;
}

}  // namespace

Decision<ConsumerGroup::Response> ConsumerGroup::heartbeat(const ConsumerHeartbeatCall& call,
                                                           const controller::MetadataImage& image, Now now) {
  const auto& request = call.request;
  if (auto refusal = check_request(call)) return refused(std::move(*refusal));
  if (request.member_epoch < 0) return leave(request);
  if (auto refusal = check_sender(request)) return refused(std::move(*refusal));

  Step step{.image = image, .now = now};
  const auto id = request.member_id.empty() ? call.fresh_id.to_string() : request.member_id;
  bool ended_another = false;
  if (const auto* holder = find_static_member(request.instance_id); holder != nullptr && holder->id != id) {
    ended_another = replace_static_member(std::string{holder->id}, id, step.records);
  }
  const auto* known = find_member(id);
  bool subscription_changed = false;
  if (known == nullptr || tells_news(*known, call)) {
    subscription_changed = update_member(id, told_now(known, call), step.records);
  }
  update_target(subscription_changed || ended_another, step);
  std::optional<TopicPartitions> owned;
  if (request.topic_partitions) owned = from_items(*request.topic_partitions);
  const bool assignment_changed = reconcile_member(id, owned ? &*owned : nullptr, subscription_changed, step);

  const auto options = consumer_options(settings_, image, id_);
  auto& member = members_.at(id);
  member.join_deadline.reset();  // of a member that spoke the classic protocol before
  member.sync_deadline.reset();
  keep_alive(member, options.session_timeout, now);

  Decision<Response> decision;
  decision.response.member_id = id;
  decision.response.member_epoch = member.member_epoch;
  decision.response.heartbeat_interval_ms = static_cast<std::int32_t>(options.heartbeat_interval.count());
  if (request.member_epoch == kJoining || is_full(request) || assignment_changed) {
    decision.response.assignment.emplace().topic_partitions =
        to_items<std::vector<Response::TopicPartitions>>(member.assigned);
  }
  decision.records = std::move(step.records);
  return decision;
}

ConsumerGroup::Check ConsumerGroup::check_request(const ConsumerHeartbeatCall& call) const {
  const auto& request = call.request;
  const auto invalid = [](std::string message) { return Refusal{ErrorCode::invalid_request, std::move(message)}; };
  const bool needs_id = call.version >= kClientMakesId || request.member_epoch != kJoining;
  if (needs_id && is_blank(request.member_id)) return invalid("The member id is missing.");
  if (is_blank(request.group_id)) return invalid("The group id is missing.");
  if (is_blank(request.instance_id)) return invalid("The instance id is empty.");
  if (is_blank(request.rack_id)) return invalid("The rack id is empty.");
  if (tells_too_much(request)) return invalid("The subscription is too large.");
  if (request.member_epoch < kPausing) return invalid("The member epoch is below -2.");
  if (request.member_epoch == kPausing && !request.instance_id) {
    return invalid("Only a static member leaves for a while: the instance id is missing.");
  }
  if (request.member_epoch == kJoining) {
    if (request.rebalance_timeout_ms == -1) return invalid("Who joins must tell the rebalance timeout.");
    if (!request.topic_partitions || !request.topic_partitions->empty()) {
      return invalid("Who joins must tell that it owns no partitions.");
    }
    if (!request.subscribed_topic_names && !request.subscribed_topic_regex) {
      return invalid("Who joins must tell what it subscribes.");
    }
  }
  const auto& known = settings_.consumer_assignors;
  if (request.server_assignor && std::find(known.begin(), known.end(), *request.server_assignor) == known.end()) {
    return Refusal{ErrorCode::unsupported_assignor,
                   fmt::format("There is no assignor '{}' here.", clipped(*request.server_assignor))};
  }
  return std::nullopt;
}

ConsumerGroup::Check ConsumerGroup::check_sender(const Request& request) {
  if (is_full_for(request.member_id)) {
    return Refusal{ErrorCode::group_max_size_reached, "The group takes no more members."};
  }
  if (auto refusal = request.instance_id ? check_static_sender(request) : std::nullopt) return refusal;
  if (request.member_epoch != kJoining) {
    const auto* member = find_member(request.member_id);
    if (member == nullptr) return Refusal{ErrorCode::unknown_member_id, "The group has no such member."};
    if (auto refusal = check_epoch(*member, request)) return refusal;
  }
  return check_regex(request);
}

ConsumerGroup::Check ConsumerGroup::check_static_sender(const Request& request) {
  const auto* holder = find_static_member(request.instance_id);
  if (request.member_epoch == kJoining) {
    // Of a member that repeats its join since it did not get the answer, the instance id is its own.
    const bool released =
        holder == nullptr || holder->id == request.member_id || holder->classic || holder->member_epoch == kPausing;
    if (released) return std::nullopt;
    return Refusal{ErrorCode::unreleased_instance_id,
                   fmt::format("The instance id is in use by member {}.", clipped(holder->id))};
  }
  if (holder == nullptr) return Refusal{ErrorCode::unknown_member_id, "The group has no member of that instance id."};
  if (holder->id == request.member_id) return std::nullopt;
  return Refusal{ErrorCode::fenced_instance_id,
                 fmt::format("The instance id was taken over by member {}.", clipped(holder->id))};
}

ConsumerGroup::Check ConsumerGroup::check_epoch(const ConsumerMember& member, const Request& request) const {
  if (request.member_epoch == member.member_epoch) return std::nullopt;
  // The answer that told the present epoch may be lost. Who owns nothing but what it was assigned goes on from there.
  const bool is_behind = request.member_epoch < member.member_epoch &&
                         request.member_epoch == member.previous_member_epoch && request.topic_partitions &&
                         member.assigned.contains(from_items(*request.topic_partitions));
  if (is_behind) return std::nullopt;
  return Refusal{ErrorCode::fenced_member_epoch, "The member is in epoch " + std::to_string(member.member_epoch) +
                                                     ", not " + std::to_string(request.member_epoch) +
                                                     ": it must give up its partitions and join anew."};
}

ConsumerGroup::Check ConsumerGroup::check_regex(const Request& request) const {
  const auto& regex = request.subscribed_topic_regex;
  if (!regex || regex->empty() || regexes_.topics_of(*regex) != nullptr) return std::nullopt;
  if (!regexes_.contains(*regex) && regexes_.count() >= kRegexesMax) {
    return Refusal{ErrorCode::invalid_request, "The members of the group subscribe with too many regular expressions."};
  }
  if (TopicRegex::compile(*regex)) return std::nullopt;
  return Refusal{ErrorCode::invalid_regular_expression,
                 fmt::format("The regular expression '{}' is not valid.", clipped(*regex))};
}

bool ConsumerGroup::tells_news(const ConsumerMember& member, const ConsumerHeartbeatCall& call) {
  const auto& request = call.request;
  const auto is_other = [](const auto& told, const auto& known) { return told && told != known; };
  return member.classic || member.client_id != call.client_id || member.client_host != call.client_host ||
         is_other(request.instance_id, member.instance_id) || is_other(request.rack_id, member.rack_id) ||
         is_other(request.server_assignor, member.server_assignor) ||
         is_other(request.subscribed_topic_regex, member.subscribed_topic_regex) ||
         (request.rebalance_timeout_ms != -1 &&
          std::chrono::milliseconds{request.rebalance_timeout_ms} != member.rebalance_timeout) ||
         (request.subscribed_topic_names && sorted(*request.subscribed_topic_names) != member.subscribed_topic_names);
}

ConsumerGroup::MemberValue ConsumerGroup::told_now(const ConsumerMember* member, const ConsumerHeartbeatCall& call) {
  const auto& request = call.request;
  auto value = told_by(member == nullptr ? ConsumerMember{} : *member);
  value.client_id = call.client_id;
  value.client_host = call.client_host;
  value.classic_member_metadata.reset();
  if (request.instance_id) value.instance_id = request.instance_id;
  if (request.rack_id) value.rack_id = request.rack_id;
  if (request.server_assignor) value.server_assignor = request.server_assignor;
  if (request.subscribed_topic_regex) value.subscribed_topic_regex = request.subscribed_topic_regex;
  if (request.rebalance_timeout_ms != -1) value.rebalance_timeout_ms = request.rebalance_timeout_ms;
  if (request.subscribed_topic_names) value.subscribed_topic_names = sorted(*request.subscribed_topic_names);
  return value;
}

Decision<ConsumerGroup::Response> ConsumerGroup::leave(const Request& request) {
  if (auto refusal = check_leaving(request)) return refused(std::move(*refusal));
  Decision<Response> decision;
  decision.response.member_id = request.member_id;
  decision.response.member_epoch = request.member_epoch;
  if (request.member_epoch == kLeaving) {
    remove_members({request.member_id}, decision.records);
  } else {
    pause_static_member(members_.at(request.member_id), decision.records);
  }
  return decision;
}

ConsumerGroup::Check ConsumerGroup::check_leaving(const Request& request) {
  if (request.instance_id) return check_static_sender(request);
  if (find_member(request.member_id) != nullptr) return std::nullopt;
  return Refusal{ErrorCode::unknown_member_id, "The group has no such member."};
}

void ConsumerGroup::pause_static_member(ConsumerMember& member, Records& records) {
  auto next = progress_of(member);
  next.member_epoch = kPausing;
  next.pending_revocation = {};
  emit(current_record(member.id, next, member.previous_member_epoch, member), records);
  member.rebalance_deadline.reset();
  schedule(member);
}

}  // namespace sluice::broker::group
