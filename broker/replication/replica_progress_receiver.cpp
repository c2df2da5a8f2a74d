#include "broker/replication/replica_progress_receiver.hpp"

#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/replication/replica_progress.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::replication {

bool ReplicaProgressReceiver::receive(ByteView message) {
  const auto progress = decode_replica_progress(message);
  if (!progress) return false;
  const auto image = images_.image();
  const auto* replica = image->find_broker(progress->replica);
  // KIP-903: what that life had synced may be gone with its disk. A later one than the image's is merely early news.
  if (replica != nullptr && progress->broker_epoch < replica->epoch &&
      !SLUICE_BUG("replication: counts what an earlier life of a follower synced")) {
    return true;
  }
  for (const auto& item : progress->items) {
    const auto partition = partitions_.find(item.topic_id, item.partition);
    if (partition) partition->note_synced(progress->replica, item.leader_epoch, item.synced_end);
  }
  return true;
}

}  // namespace sluice::broker::replication
