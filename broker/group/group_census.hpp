#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

namespace sluice::broker::group {

/// Groups, counted. The names of types and states are constants.
struct GroupCensus {
  using Name = std::string_view;
  std::map<std::pair<Name, Name>, std::uint64_t> groups;  ///< by type and state, as clients are told
  std::map<Name, std::uint64_t> members;                  ///< by type of their group
  std::uint64_t offsets = 0;                              ///< committed, and not expired or deleted

  void add(const GroupCensus& more);
};

}  // namespace sluice::broker::group
