#pragma once

#include <functional>
#include <string>

#include "protocol/base/bytes.hpp"

namespace sluice::broker::peer {

/// What other nodes send here (protocol/peer/peer_apis.hpp), handed to whom it concerns. Called on io threads; may not
/// wait. The bytes are valid during the call only.
class PeerService {
 public:
  virtual ~PeerService() = default;
  /// False: it makes no sense, the connection is closed.
  virtual bool on_raft_messages(ByteView frame) = 0;
  /// `answer` is called once, on any thread; nothing in it: close the connection.
  virtual void on_cluster_call(ByteView request, std::function<void(std::string)> answer) = 0;
  virtual bool on_replica_progress(ByteView message) = 0;
};

}  // namespace sluice::broker::peer
