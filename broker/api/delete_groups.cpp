#include "protocol/messages/delete_groups.hpp"

#include <utility>

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/api/without_repeats.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

using protocol::DeleteGroupsRequest;
using protocol::DeleteGroupsResponse;

/// API 42. Removes groups without members, with their offsets.
template <>
void handle<protocol::DeleteGroups>(DeleteGroupsRequest& request, RequestContext& context,
                                    Respond<DeleteGroupsResponse> respond) {
  context.services.groups.delete_groups(without_repeats(request.groups_names),
                                        [answer = answer_with(std::move(respond))](auto deleted) {
                                          DeleteGroupsResponse response;
                                          response.results = std::move(deleted);
                                          answer(response);
                                        });
}

}  // namespace sluice::broker::api
