#include "broker/peer/address_book.hpp"

#include <utility>

#include "broker/controller/metadata_image.hpp"

namespace sluice::broker::peer {
namespace {

// Whoever can connect can say where it is, and who it is.
constexpr std::size_t kHostBytesMax = 255;
constexpr std::size_t kNodesMax = 10'000;

std::optional<PeerAddress> find(const std::map<BrokerId, PeerAddress>& addresses, BrokerId node) {
  const auto found = addresses.find(node);
  return found == addresses.end() ? std::nullopt : std::optional{found->second};
}

}  // namespace

std::optional<PeerAddress> AddressBook::quorum_address(BrokerId node) const {
  const std::lock_guard lock{mutex_};
  auto address = find(quorum_, node);
  return address ? address : find(brokers_, node);
}

std::optional<PeerAddress> AddressBook::broker_address(BrokerId node) const {
  const std::lock_guard lock{mutex_};
  return find(brokers_, node);
}

std::vector<BrokerId> AddressBook::quorum_nodes() const {
  const std::lock_guard lock{mutex_};
  std::vector<BrokerId> nodes;
  for (const auto& [node, address] : quorum_) nodes.push_back(node);
  return nodes;
}

std::map<BrokerId, PeerAddress> AddressBook::quorum_addresses() const {
  const std::lock_guard lock{mutex_};
  return quorum_;
}

void AddressBook::set_quorum_address(BrokerId node, PeerAddress address) {
  if (address.host.size() > kHostBytesMax) return;
  {
    const std::lock_guard lock{mutex_};
    if (quorum_.size() >= kNodesMax && !quorum_.contains(node)) return;
    auto& held = quorum_[node];
    if (held == address) return;
    held = std::move(address);
  }
  if (on_change_) on_change_();
}

void AddressBook::apply(const controller::MetadataImage& image) {
  std::map<BrokerId, PeerAddress> brokers;
  for (const auto& broker : image.brokers()) {
    const auto* endpoint = broker.find_endpoint(inter_broker_listener_);
    if (endpoint == nullptr) continue;
    brokers[broker.id] = {endpoint->host, static_cast<std::uint16_t>(endpoint->port)};
  }
  const std::lock_guard lock{mutex_};
  brokers_ = std::move(brokers);
}

}  // namespace sluice::broker::peer
