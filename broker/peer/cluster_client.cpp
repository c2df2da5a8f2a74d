#include "broker/peer/cluster_client.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>
#include <vector>

#include "broker/peer/address_book.hpp"
#include "protocol/peer/peer_apis.hpp"

namespace sluice::broker::peer {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kLanesMax = 4;
constexpr auto kUnusedFor = std::chrono::minutes{2};

/// Answers come in the order of the requests: what takes long must not hold back the rest, which takes another lane.
struct Lane {
  std::shared_ptr<PeerConnection> connection;
  int under_way = 0;
};

}  // namespace

/// On the io thread, all but what is const and `stopped`.
struct ClusterClient::Parts : std::enable_shared_from_this<Parts> {
  struct Target {
    std::vector<std::shared_ptr<Lane>> lanes;
    Clock::time_point used_at{};
  };

  Parts(IoThread& on, const AddressBook* book, std::string name)
      : thread(on), addresses(book), client_id(std::move(name)) {}

  void call(const PeerAddress& address, const std::string& request, Clock::time_point deadline, const Done& done);
  std::shared_ptr<Lane> choose_lane(const PeerAddress& address, Target& target);
  void drop_unused(Clock::time_point now);
  void close();

  IoThread& thread;
  const AddressBook* const addresses;
  const std::string client_id;
  std::map<std::pair<std::string, std::uint16_t>, Target> targets;
  std::atomic<bool> stopped{false};
};

void ClusterClient::Parts::call(const PeerAddress& address, const std::string& request, Clock::time_point deadline,
                                const Done& done) {
  if (stopped) return done(std::make_error_code(std::errc::operation_canceled));
  const auto now = Clock::now();
  drop_unused(now);
  auto& target = targets[{address.host, address.port}];
  target.used_at = now;
  const auto lane = choose_lane(address, target);
  ++lane->under_way;
  protocol::ClusterCall::Request body;
  body.bytes = as_byte_view(request);
  const auto left = std::chrono::ceil<milliseconds>(deadline - now);
  lane->connection->call<protocol::ClusterCall>(body, 0, std::max(left, milliseconds{0}),
                                                [lane, done](Result<protocol::ClusterCall::Response> answer) {
                                                  --lane->under_way;
                                                  if (!answer) return done(answer.error());
                                                  auto response = decode_call_response(answer->bytes);
                                                  if (!response)
                                                    return done(std::make_error_code(std::errc::bad_message));
                                                  done(*std::move(response));
                                                });
}

std::shared_ptr<Lane> ClusterClient::Parts::choose_lane(const PeerAddress& address, Target& target) {
  const auto idlest =
      std::ranges::min_element(target.lanes, {}, [](const std::shared_ptr<Lane>& lane) { return lane->under_way; });
  if (idlest != target.lanes.end() && ((*idlest)->under_way == 0 || target.lanes.size() == kLanesMax)) return *idlest;
  auto lane = std::make_shared<Lane>();
  lane->connection = PeerConnection::make(thread, {.address = address, .client_id = client_id});
  return target.lanes.emplace_back(std::move(lane));
}

void ClusterClient::Parts::drop_unused(Clock::time_point now) {
  std::erase_if(targets, [&](const auto& entry) {
    const auto& [address, target] = entry;
    const bool busy = std::ranges::any_of(target.lanes, [](const auto& lane) { return lane->under_way > 0; });
    if (busy || now - target.used_at < kUnusedFor) return false;
    for (const auto& lane : target.lanes) lane->connection->close();
    return true;
  });
}

void ClusterClient::Parts::close() {
  for (auto& [address, target] : std::exchange(targets, {})) {
    for (const auto& lane : target.lanes) lane->connection->close();
  }
}

ClusterClient::ClusterClient(IoThread& thread, const AddressBook* addresses, std::string client_id)
    : parts_(std::make_shared<Parts>(thread, addresses, std::move(client_id))) {}
ClusterClient::~ClusterClient() { stop(); }

void ClusterClient::call(BrokerId node, const CallRequest& request, milliseconds timeout, Done done) {
  const auto address = parts_->addresses == nullptr ? std::nullopt : parts_->addresses->quorum_address(node);
  if (address) return call(*address, request, timeout, std::move(done));
  parts_->thread.post([done = std::move(done)] { done(std::make_error_code(std::errc::address_not_available)); });
}

void ClusterClient::call(const PeerAddress& address, const CallRequest& request, milliseconds timeout, Done done) {
  parts_->thread.post([parts = parts_, address, bytes = encode(request), deadline = Clock::now() + timeout,
                       done = std::move(done)] { parts->call(address, bytes, deadline, done); });
}

void ClusterClient::stop() {
  if (parts_->stopped.exchange(true)) return;
  parts_->thread.run_or_post([parts = parts_] { parts->close(); });
}

}  // namespace sluice::broker::peer
