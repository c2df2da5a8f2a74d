#include "protocol/messages/sync_group.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// API 14. The leader hands over the assignment of a generation; everybody gets his part of it.
template <>
void handle<protocol::SyncGroup>(protocol::SyncGroupRequest& request, RequestContext& context,
                                 Respond<protocol::SyncGroupResponse> respond) {
  context.services.groups.sync(std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api
