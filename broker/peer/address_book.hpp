#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/peer/peer_connection.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::broker::controller {
class MetadataImage;
}

namespace sluice::broker::peer {

/// Where the nodes of the cluster are reached by each other. From, the later the better: the configured voters, what
/// nodes say of themselves in every frame of the quorum, and the registrations in the metadata image.
///
/// Threading: any.
class AddressBook {
 public:
  /// `inter_broker_listener` picks the endpoint of an image's brokers.
  explicit AddressBook(std::string inter_broker_listener) : inter_broker_listener_(std::move(inter_broker_listener)) {}

  /// For the quorum and the controller: its controller listener, or that of brokers where it has none.
  std::optional<PeerAddress> quorum_address(BrokerId node) const;
  /// For fetching: the inter-broker listener.
  std::optional<PeerAddress> broker_address(BrokerId node) const;
  std::vector<BrokerId> quorum_nodes() const;
  std::map<BrokerId, PeerAddress> quorum_addresses() const;

  /// Hosts of more than 255 bytes, and nodes above 10 000, are passed over.
  void set_quorum_address(BrokerId node, PeerAddress address);
  void apply(const controller::MetadataImage& image);
  /// Called, on any thread, after quorum_addresses() has changed; may not wait. Before anything else is.
  void on_change(std::function<void()> listener) { on_change_ = std::move(listener); }

 private:
  const std::string inter_broker_listener_;
  std::function<void()> on_change_;
  mutable std::mutex mutex_;
  std::map<BrokerId, PeerAddress> quorum_;
  std::map<BrokerId, PeerAddress> brokers_;
};

}  // namespace sluice::broker::peer
