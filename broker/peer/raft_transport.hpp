#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "broker/peer/address_book.hpp"
#include "broker/raft/transport.hpp"
#include "protocol/base/result.hpp"

namespace sluice::broker::peer {

/// The quorum's messages over connections: one to each node, on one io thread. A frame carries who sends it: cluster
/// id, node, and where that is reached. Drops what is for another cluster, with a log line now and then.
///
/// Threading: send() from one thread, receive() from any.
class RaftTransport final : public raft::Transport {
 public:
  struct Options {
    BrokerId self;
    PeerAddress own_address;  ///< told to others
    std::chrono::milliseconds message_lifetime{1000};
  };
  struct Listeners {
    std::function<void(std::vector<raft::Message>)> on_messages;
    /// The connection to it has ended, and what that means once it is known. On the io thread.
    std::function<void(BrokerId, Loss)> on_loss;
    /// `nodes`, of those whose address is known, are of another cluster by what they said last: whenever these become
    /// more. On any thread.
    std::function<void(const std::set<BrokerId>& nodes, const std::string& cluster_id)> on_foreign{};
  };

  RaftTransport(IoThread& thread, AddressBook& addresses, Options options, Listeners listeners);
  ~RaftTransport() override;

  void send(std::vector<raft::Message> messages) override;
  /// A frame that came in. False: it makes no sense, close its connection.
  bool receive(ByteView frame);
  /// From when it is known on: frames say it, and those of another cluster are dropped.
  void set_cluster_id(std::string cluster_id);
  void stop();  ///< closes the connections; nothing is told any more

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace sluice::broker::peer
