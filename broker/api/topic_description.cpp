#include "broker/api/topic_description.hpp"

#include <algorithm>
#include <iterator>

#include "broker/controller/quorum_info.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

std::vector<BrokerId> offline_replicas(const controller::MetadataImage& image,
                                       const controller::PartitionImage& partition) {
  std::vector<BrokerId> offline;
  std::copy_if(partition.replicas.begin(), partition.replicas.end(), std::back_inserter(offline), [&](BrokerId id) {
    const auto* broker = image.find_broker(id);
    return broker == nullptr || broker->fenced;
  });
  return offline;
}

BrokerId controller_id(const controller::MetadataImage& image, const RequestContext& context) {
  const auto* quorum = context.services.quorum;
  const auto* leader = quorum == nullptr ? nullptr : image.find_broker(quorum->leader());
  const bool is_known =
      leader != nullptr && !leader->fenced && leader->find_endpoint(context.connection.listener_name) != nullptr;
  return is_known ? leader->id : image.any_live_broker();
}

}  // namespace sluice::broker::api
