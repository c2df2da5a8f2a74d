#include "broker/group/group_census.hpp"

namespace sluice::broker::group {

void GroupCensus::add(const GroupCensus& more) {
  for (const auto& [kind, count] : more.groups) groups[kind] += count;
  for (const auto& [type, count] : more.members) members[type] += count;
  offsets += more.offsets;
}

}  // namespace sluice::broker::group
