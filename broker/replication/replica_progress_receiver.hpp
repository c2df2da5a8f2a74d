#pragma once

#include "protocol/base/bytes.hpp"

namespace sluice::broker::controller {
class ImageSource;
}

namespace sluice::broker::replication {

class PartitionTable;

/// Hands what followers say they have synced to the partitions led here. What an earlier life of a follower says is
/// dropped. Threading: any.
class ReplicaProgressReceiver {
 public:
  ReplicaProgressReceiver(PartitionTable& partitions, controller::ImageSource& images)
      : partitions_(partitions), images_(images) {}

  /// The body of a ReplicaProgress frame. False: it makes no sense, close its connection.
  bool receive(ByteView message);

 private:
  PartitionTable& partitions_;
  controller::ImageSource& images_;
};

}  // namespace sluice::broker::replication
