#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "broker/group/classic/classic_member.hpp"

namespace sluice::broker::group {

/// How many members of a group support each protocol; kept as they come, change and go, for a large group asks it with
/// each JoinGroup.
class ProtocolSupport {
 public:
  void add(const std::vector<MemberProtocol>& protocols);
  /// Pre: added before.
  void remove(const std::vector<MemberProtocol>& protocols);

  std::size_t supporters(std::string_view protocol) const;

 private:
  std::map<std::string, std::size_t, std::less<>> supporters_;  // none is zero
};

}  // namespace sluice::broker::group
