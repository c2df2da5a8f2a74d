#include "broker/peer/raft_transport.hpp"

#include <atomic>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <spdlog/spdlog.h>
#include <utility>
#include <vector>

#include "broker/peer/raft_frame.pb.h"
#include "broker/raft/raft_codec.hpp"
#include "protocol/peer/peer_apis.hpp"

namespace sluice::broker::peer {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kFrameBytes = 1U << 20;  // a frame that has reached it takes no further message
constexpr auto kBetweenWarnings = std::chrono::seconds{10};

struct Frame {
  BrokerId to;
  std::string bytes;
};

}  // namespace

struct RaftTransport::Parts : std::enable_shared_from_this<Parts> {
  struct Peer {
    PeerAddress address;
    std::shared_ptr<PeerConnection> connection;
  };

  Parts(IoThread& on, AddressBook& book, Options given, Listeners told)
      : thread(on), addresses(book), options(std::move(given)), listeners(std::move(told)) {}

  std::vector<Frame> pack(const std::vector<raft::Message>& messages) const;
  void send(const Frame& frame);
  PeerConnection* connection_to(BrokerId node);
  void on_lost(BrokerId node, Loss fate);
  void hurry_to(BrokerId node);
  void close();
  bool is_of_this_cluster(const pb::RaftFrame& frame);
  void note_foreign(const pb::RaftFrame& frame);
  std::string known_cluster_id() const {
    const std::lock_guard lock{mutex};
    return cluster_id;
  }

  IoThread& thread;
  AddressBook& addresses;
  const Options options;
  const Listeners listeners;

  std::map<BrokerId, Peer> peers;  // on the io thread
  std::set<BrokerId> away;         // on it: their connection has ended, and they have not been met again
  std::atomic<bool> are_away{false};

  mutable std::mutex mutex;  // of these three
  std::string cluster_id;
  std::set<BrokerId> foreign;  // bounded by those with an address
  Clock::time_point warned_at{};

  mutable std::shared_mutex telling;  // shared while a listener is called
  bool stopped = false;
};

std::vector<Frame> RaftTransport::Parts::pack(const std::vector<raft::Message>& messages) const {
  std::map<BrokerId, pb::RaftFrame> open;
  std::map<BrokerId, std::size_t> sizes;
  std::vector<Frame> frames;
  const auto known = known_cluster_id();
  for (const auto& message : messages) {
    const auto to = message.to.node;
    auto& frame = open[to];
    auto& size = sizes[to];
    if (size == 0) {
      frame.set_cluster_id(known);
      frame.set_node(options.self.value());
      frame.set_host(options.own_address.host);
      frame.set_port(options.own_address.port);
    }
    auto bytes = raft::encode(message);
    size += bytes.size();
    frame.add_messages(std::move(bytes));
    if (size < kFrameBytes) continue;
    frames.push_back({to, frame.SerializeAsString()});
    frame.Clear();
    size = 0;
  }
  for (const auto& [to, frame] : open) {
    if (sizes[to] > 0) frames.push_back({to, frame.SerializeAsString()});
  }
  return frames;
}

void RaftTransport::Parts::send(const Frame& frame) {
  auto* connection = connection_to(frame.to);
  if (connection == nullptr) return;
  protocol::RaftMessages::Request body;
  body.bytes = as_byte_view(frame.bytes);
  connection->tell<protocol::RaftMessages>(body, 0, options.message_lifetime);
}

PeerConnection* RaftTransport::Parts::connection_to(BrokerId node) {
  {
    const std::shared_lock lock{telling};
    if (stopped) return nullptr;
  }
  const auto address = addresses.quorum_address(node);
  if (!address) return nullptr;
  auto& peer = peers[node];
  if (peer.connection && peer.address == *address) return peer.connection.get();
  if (peer.connection) peer.connection->close();
  peer.address = *address;
  peer.connection = PeerConnection::make(
      thread, {.address = *address, .client_id = fmt::format("node-{}-quorum", options.self.value())},
      [weak = weak_from_this(), node](Loss fate) {
        if (const auto self = weak.lock()) self->on_lost(node, fate);
      });
  return peer.connection.get();
}

void RaftTransport::Parts::on_lost(BrokerId node, Loss fate) {
  if (fate == Loss::alive) {
    away.erase(node);
  } else {
    away.insert(node);
  }
  are_away.store(!away.empty(), std::memory_order_relaxed);
  const std::shared_lock lock{telling};
  if (!stopped && listeners.on_loss) listeners.on_loss(node, fate);
}

/// A node that is heard of can be connected to, whatever the last attempts said: it was started again, or can be
/// reached again.
void RaftTransport::Parts::hurry_to(BrokerId node) {
  if (!are_away.load(std::memory_order_relaxed)) return;
  thread.post([self = shared_from_this(), node] {
    const auto peer = self->peers.find(node);
    if (peer != self->peers.end()) peer->second.connection->hurry();
  });
}

void RaftTransport::Parts::close() {
  for (auto& [node, peer] : std::exchange(peers, {})) peer.connection->close();
}

bool RaftTransport::Parts::is_of_this_cluster(const pb::RaftFrame& frame) {
  const std::lock_guard lock{mutex};
  if (cluster_id.empty() || frame.cluster_id().empty() || frame.cluster_id() == cluster_id) {
    if (!foreign.empty()) foreign.erase(BrokerId{frame.node()});
    return true;
  }
  if (const auto now = Clock::now(); now - warned_at >= kBetweenWarnings) {
    warned_at = now;
    spdlog::warn("node_id={} at {}:{} is of cluster_id={}, this node of cluster_id={}: its messages are dropped",
                 frame.node(), frame.host(), frame.port(), frame.cluster_id(), cluster_id);
  }
  return false;
}

void RaftTransport::Parts::note_foreign(const pb::RaftFrame& frame) {
  const BrokerId node{frame.node()};
  if (!listeners.on_foreign || !addresses.quorum_address(node)) return;
  std::set<BrokerId> all;
  {
    const std::lock_guard lock{mutex};
    if (!foreign.insert(node).second) return;
    all = foreign;
  }
  const std::shared_lock lock{telling};
  if (!stopped) listeners.on_foreign(all, frame.cluster_id());
}

RaftTransport::RaftTransport(IoThread& thread, AddressBook& addresses, Options options, Listeners listeners)
    : parts_(std::make_shared<Parts>(thread, addresses, std::move(options), std::move(listeners))) {}
RaftTransport::~RaftTransport() { stop(); }

void RaftTransport::send(std::vector<raft::Message> messages) {
  auto frames = parts_->pack(messages);
  if (frames.empty()) return;
  parts_->thread.post([parts = parts_, frames = std::move(frames)] {
    for (const auto& frame : frames) parts->send(frame);
  });
}

bool RaftTransport::receive(ByteView bytes) {
  pb::RaftFrame frame;
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return false;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  const BrokerId sender{frame.node()};
  if (frame.node() < 0 || frame.port() > std::numeric_limits<std::uint16_t>::max()) return false;
  if (sender == parts_->options.self) return true;
  if (!parts_->is_of_this_cluster(frame)) {
    parts_->note_foreign(frame);
    return true;
  }
  std::vector<raft::Message> messages;
  for (const auto& encoded : frame.messages()) {
    auto message = raft::decode_message(as_byte_view(encoded));
    if (!message) continue;  // of a version to come: its sender tries again
    if (message->from.node != sender) return false;
    messages.push_back(std::move(*message));
  }
  // A broker that is new to the cluster can't name it yet, and has to be answered; but only one who can name it moves:
  // else anybody could say that he is a voter, and elsewhere.
  const bool names_cluster = !frame.cluster_id().empty() && frame.cluster_id() == parts_->known_cluster_id();
  const bool says_where = names_cluster || !parts_->addresses.quorum_address(sender);
  if (says_where && frame.port() != 0 && !frame.host().empty()) {
    parts_->addresses.set_quorum_address(sender, {frame.host(), static_cast<std::uint16_t>(frame.port())});
  }
  if (messages.empty()) return true;
  parts_->hurry_to(sender);
  const std::shared_lock lock{parts_->telling};
  if (!parts_->stopped) parts_->listeners.on_messages(std::move(messages));
  return true;
}

void RaftTransport::set_cluster_id(std::string cluster_id) {
  const std::lock_guard lock{parts_->mutex};
  parts_->cluster_id = std::move(cluster_id);
}

void RaftTransport::stop() {
  {
    const std::unique_lock lock{parts_->telling};
    if (std::exchange(parts_->stopped, true)) return;
  }
  parts_->thread.run_or_post([parts = parts_] { parts->close(); });
}

}  // namespace sluice::broker::peer
