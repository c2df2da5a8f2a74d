#include "broker/api/topic_description.hpp"

#include <algorithm>
#include <iterator>

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

}  // namespace sluice::broker::api
