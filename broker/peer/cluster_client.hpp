#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "broker/peer/cluster_call.hpp"
#include "broker/peer/peer_connection.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"

namespace sluice::broker::peer {

class AddressBook;

/// Asks other nodes: one call, one answer or an error. Keeps a connection to each address that it asked lately.
///
/// Threading: any; `done` runs on the io thread, once, and never before `call` has returned.
class ClusterClient {
 public:
  using Done = std::function<void(Result<CallResponse>)>;

  /// `addresses` may be null where nobody is asked by node id. Both outlive `stop`.
  ClusterClient(IoThread& thread, const AddressBook* addresses, std::string client_id);
  ~ClusterClient();  ///< as `stop`, if the io thread does not run any more or the caller is on it
  ClusterClient(const ClusterClient&) = delete;
  ClusterClient& operator=(const ClusterClient&) = delete;

  /// Errors: address_not_available, where nobody knows the node's; timed_out; bad_message; of the system. An error does
  /// not tell whether the call was received.
  void call(BrokerId node, const CallRequest& request, std::chrono::milliseconds timeout, Done done);
  void call(const PeerAddress& address, const CallRequest& request, std::chrono::milliseconds timeout, Done done);

  void stop();  ///< closes the connections: what is under way fails with operation_canceled. Idempotent

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace sluice::broker::peer
