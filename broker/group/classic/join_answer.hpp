#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "broker/group/effects.hpp"
#include "protocol/base/clipped.hpp"
#include "protocol/base/uuid.hpp"
#include "protocol/messages/join_group.hpp"

namespace sluice::broker::group {

/// The id of a new member: what it calls itself (its instance or client id), as much of that as leaves room in a string
/// of the protocol, and what makes it unlike all others.
inline std::string make_member_id(std::string_view prefix, const Uuid& fresh_id) {
  constexpr std::size_t kPrefixMax = 255;
  return std::string{clipped(prefix, kPrefixMax)} + "-" + fresh_id.to_string();
}

inline protocol::JoinGroupResponse join_refusal(protocol::ErrorCode error, std::string member_id) {
  protocol::JoinGroupResponse response;
  response.error_code = error;
  response.member_id = std::move(member_id);
  return response;
}

/// A JoinGroup that changes nothing.
inline Effects refused_join(Ticket ticket, protocol::ErrorCode error, std::string member_id) {
  Effects out;
  out.joins.push_back({ticket, join_refusal(error, std::move(member_id))});
  return out;
}

}  // namespace sluice::broker::group
