#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace sluice::broker::group {

/// Groups, counted.
struct GroupCensus {
  std::map<std::pair<std::string, std::string>, std::uint64_t> groups;  ///< by type and state, as clients are told
  std::map<std::string, std::uint64_t> members;                         ///< by type of their group
  std::uint64_t offsets = 0;                                            ///< committed, and not expired or deleted

  void add(const GroupCensus& more);
};

}  // namespace sluice::broker::group
