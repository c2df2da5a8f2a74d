#include "broker/peer/raft_transport.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <set>
#include <utility>

#include "broker/raft/raft_codec.hpp"
#include "protocol/peer/peer_apis.hpp"
#include "tests/support/eventually.hpp"
#include "tests/unit/broker/peer/scripted_server.hpp"

using namespace sluice;
using namespace sluice::broker;
using namespace sluice::test;
using namespace std::chrono_literals;
using peer::RaftTransport;

namespace {

raft::Message message(int from, int to, raft::MessageBody body = raft::Heartbeat{}) {
  return {.from = {BrokerId{from}, Uuid{{1, 2, 3}}},
          .to = {BrokerId{to}, Uuid{}},
          .term = raft::Term{3},
          .body = std::move(body)};
}

/// A node's transport, and what it was told.
struct Node {
  explicit Node(int self) : id(self) {
    thread.start();
    transport = std::make_unique<RaftTransport>(
        thread, addresses,
        RaftTransport::Options{.self = BrokerId{self}, .own_address = {"127.0.0.1", static_cast<std::uint16_t>(self)}},
        RaftTransport::Listeners{.on_messages =
                                     [this](std::vector<raft::Message> messages) {
                                       const std::lock_guard lock{mutex};
                                       for (auto& each : messages) received.push_back(std::move(each));
                                     },
                                 .on_loss =
                                     [this](BrokerId node, peer::Loss fate) {
                                       const std::lock_guard lock{mutex};
                                       if (fate == peer::Loss::gone) gone.push_back(node);
                                     },
                                 .on_foreign =
                                     [this](const std::set<BrokerId>& nodes, const std::string& cluster_id) {
                                       const std::lock_guard lock{mutex};
                                       foreign.emplace_back(nodes, cluster_id);
                                     }});
  }
  ~Node() {
    transport->stop();
    thread.stop();
  }
  /// The body of the frame with these messages, as it is sent to node 9.
  std::string frame_of(std::vector<raft::Message> messages) {
    ScriptedServer server;
    addresses.set_quorum_address(BrokerId{9}, server.address());
    for (auto& each : messages) each.to.node = BrokerId{9};
    transport->send(std::move(messages));
    const auto socket = server.accept();
    auto request = read_request(socket);
    REQUIRE(request);
    CHECK(request->key == static_cast<std::int16_t>(protocol::RaftMessages::key));
    return std::move(request->body);
  }

  int id;
  IoThread thread{0};
  peer::AddressBook addresses{"PLAINTEXT"};
  std::unique_ptr<RaftTransport> transport;
  std::mutex mutex;
  std::vector<raft::Message> received;
  std::vector<BrokerId> gone;
  std::vector<std::pair<std::set<BrokerId>, std::string>> foreign;
};

}  // namespace

TEST_CASE("messages arrive as they were sent, and tell where their sender is", "[peer]") {
  Node sender{1};
  Node receiver{9};
  for (auto* node : {&sender, &receiver}) node->transport->set_cluster_id("one");
  const std::vector messages{message(1, 9), message(1, 9, raft::ReadRequest{.ticket = raft::ReadTicket{7}})};
  REQUIRE(receiver.transport->receive(as_byte_view(sender.frame_of(messages))));
  CHECK(receiver.received == messages);
  CHECK(receiver.addresses.quorum_address(BrokerId{1}) == peer::PeerAddress{"127.0.0.1", 1});
}

TEST_CASE("who can't name the cluster is heard, but not believed to be elsewhere", "[peer]") {
  Node sender{1};
  Node receiver{9};
  receiver.addresses.set_quorum_address(BrokerId{1}, {"configured", 2});
  const auto early = sender.frame_of({message(1, 9)});
  CHECK(receiver.transport->receive(as_byte_view(early)));
  receiver.transport->set_cluster_id("one");
  CHECK(receiver.transport->receive(as_byte_view(early)));
  CHECK(receiver.received.size() == 2);
  CHECK(receiver.addresses.quorum_address(BrokerId{1}) == peer::PeerAddress{"configured", 2});
}

TEST_CASE("who is new to the cluster can't name it, and is answered where it says that it is", "[peer]") {
  Node sender{1};
  Node receiver{9};
  receiver.transport->set_cluster_id("one");
  REQUIRE(receiver.transport->receive(as_byte_view(sender.frame_of({message(1, 9)}))));
  CHECK(receiver.addresses.quorum_address(BrokerId{1}) == peer::PeerAddress{"127.0.0.1", 1});
}

TEST_CASE("messages of one turn to one node share a frame, and large ones don't", "[peer]") {
  Node sender{1};
  ScriptedServer server;
  sender.addresses.set_quorum_address(BrokerId{2}, server.address());
  Node receiver{2};
  raft::SnapshotRequest chunk;
  chunk.data.assign(700 << 10, 'x');
  const auto large = message(1, 2, std::move(chunk));
  sender.transport->send({message(1, 2), large, large, large, message(1, 3)});
  const auto socket = server.accept();
  for (const std::size_t expected : {3U, 4U}) {
    const auto frame = read_request(socket);
    REQUIRE(frame);
    REQUIRE(receiver.transport->receive(as_byte_view(frame->body)));
    CHECK(receiver.received.size() == expected);
  }
}

TEST_CASE("frames of another cluster are dropped once both are known", "[peer]") {
  Node sender{1};
  Node receiver{9};
  const auto early = sender.frame_of({message(1, 9)});
  sender.transport->set_cluster_id("one");
  const auto of_one = sender.frame_of({message(1, 9)});
  CHECK(receiver.transport->receive(as_byte_view(of_one)));
  CHECK(receiver.received.size() == 1);
  receiver.transport->set_cluster_id("another");
  CHECK(receiver.transport->receive(as_byte_view(of_one)));
  CHECK(receiver.received.size() == 1);
  CHECK(receiver.transport->receive(as_byte_view(early)));
  CHECK(receiver.received.size() == 2);
}

TEST_CASE("who is of another cluster is told once, of those with an address, until it comes round", "[peer]") {
  Node sender{1};
  Node stranger{2};
  Node receiver{9};
  receiver.transport->set_cluster_id("one");
  receiver.addresses.set_quorum_address(BrokerId{1}, {"127.0.0.1", 1});
  for (auto* node : {&sender, &stranger}) node->transport->set_cluster_id("another");
  const auto of_another = sender.frame_of({message(1, 9)});
  const std::pair<std::set<BrokerId>, std::string> told{{BrokerId{1}}, "another"};
  for (int i = 0; i < 2; ++i) CHECK(receiver.transport->receive(as_byte_view(of_another)));
  CHECK(receiver.transport->receive(as_byte_view(stranger.frame_of({message(2, 9)}))));
  CHECK(receiver.foreign == std::vector{told});
  sender.transport->set_cluster_id("one");
  CHECK(receiver.transport->receive(as_byte_view(sender.frame_of({message(1, 9)}))));
  CHECK(receiver.transport->receive(as_byte_view(of_another)));
  CHECK(receiver.foreign == std::vector(2, told));
}

TEST_CASE("frames that make no sense are refused", "[peer]") {
  Node sender{1};
  Node receiver{9};
  CHECK_FALSE(receiver.transport->receive(as_byte_view("\x0a\xff")));
  CHECK_FALSE(receiver.transport->receive(as_byte_view(sender.frame_of({message(2, 9)}))));  // of somebody else
  auto frame = sender.frame_of({message(1, 9)});
  for (std::size_t size = 0; size < frame.size(); ++size) {
    receiver.transport->receive(as_byte_view(frame).first(size));  // whatever it says, it ends
  }
  CHECK(receiver.transport->receive(as_byte_view(frame)));
}

TEST_CASE("a node whose process ends is told to be gone, until the transport is stopped", "[peer]") {
  Node node{1};
  for (const bool stopped : {false, true}) {
    ScriptedServer server;
    node.addresses.set_quorum_address(BrokerId{2}, server.address());
    node.transport->send({message(1, 2)});
    auto socket = server.accept();
    REQUIRE(read_request(socket));
    if (stopped) node.transport->stop();
    server.stop_listening();
    socket.close();
    if (!stopped) {
      CHECK(eventually([&] {
        const std::lock_guard lock{node.mutex};
        return node.gone == std::vector{BrokerId{2}};
      }));
    }
  }
  run_on(node.thread, [] {});
  CHECK(node.gone.size() == 1);
}

TEST_CASE("a node that moved is reached at its new address", "[peer]") {
  Node node{1};
  ScriptedServer before;
  node.addresses.set_quorum_address(BrokerId{2}, before.address());
  node.transport->send({message(1, 2)});
  const auto old_socket = before.accept();
  REQUIRE(read_request(old_socket));
  ScriptedServer after;
  node.addresses.set_quorum_address(BrokerId{2}, after.address());
  node.transport->send({message(1, 2)});
  const auto socket = after.accept();
  CHECK(read_request(socket));
  CHECK_FALSE(read_request(old_socket));
}
