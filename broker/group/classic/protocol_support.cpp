#include "broker/group/classic/protocol_support.hpp"

#include <algorithm>

#include "protocol/base/assert.hpp"

namespace sluice::broker::group {
namespace {

/// Each name once: a client might repeat one. There are kProtocolsMax at most.
template <class Use>
void for_each_name(const std::vector<MemberProtocol>& protocols, Use use) {
  for (auto next = protocols.begin(); next != protocols.end(); ++next) {
    const bool repeated =
        std::any_of(protocols.begin(), next, [&](const auto& earlier) { return earlier.name == next->name; });
    if (!repeated) use(next->name);
  }
}

}  // namespace

void ProtocolSupport::add(const std::vector<MemberProtocol>& protocols) {
  for_each_name(protocols, [&](const std::string& name) { ++supporters_[name]; });
}

void ProtocolSupport::remove(const std::vector<MemberProtocol>& protocols) {
  for_each_name(protocols, [&](const std::string& name) {
    const auto found = supporters_.find(name);
    SLUICE_ASSERT(found != supporters_.end(), name);
    if (--found->second == 0) supporters_.erase(found);
  });
}

std::size_t ProtocolSupport::supporters(std::string_view protocol) const {
  const auto found = supporters_.find(protocol);
  return found == supporters_.end() ? 0 : found->second;
}

}  // namespace sluice::broker::group
