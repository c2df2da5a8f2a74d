#include "broker/controller/unclean_elections.hpp"

namespace sluice::broker::controller {

std::vector<UncleanElection> unclean_elections(const MetadataDelta& delta) {
  std::vector<UncleanElection> found;
  for (const auto& topic : delta.topics) {
    if (topic.after == nullptr || topic.before == nullptr) continue;
    for (const auto& now : topic.after->partitions) {
      if (now.recovery != LeaderRecovery::recovering) continue;
      const auto* before = topic.before->find_partition(now.partition);
      const bool is_news = before == nullptr || before->recovery == LeaderRecovery::recovered ||
                           (before->leader != now.leader && now.leader != kNoBroker);
      if (is_news) found.push_back({topic.after->name, now.partition, now.leader, now.leader_epoch});
    }
  }
  return found;
}

}  // namespace sluice::broker::controller
