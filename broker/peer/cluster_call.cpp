#include "broker/peer/cluster_call.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "broker/peer/cluster_call.pb.h"

namespace sluice::broker::peer {
namespace {

/// What an answer may name; a quorum has a handful.
constexpr int kVotersMax = 1000;
constexpr std::size_t kClusterIdBytesMax = 255;

std::string text_of(const Uuid& id) {
  if (id.is_zero()) return {};
  return {reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size()};
}

std::optional<Uuid> uuid_of(const std::string& text) {
  if (text.empty()) return Uuid{};
  std::array<std::uint8_t, 16> bytes{};
  if (text.size() != bytes.size()) return std::nullopt;
  std::copy(text.begin(), text.end(), bytes.begin());
  return Uuid{bytes};
}

void fill(pb::NodeDescription& to, const NodeDescription& from) {
  to.set_cluster_id(from.cluster_id);
  to.set_node_id(from.node_id.value());
  to.set_directory_id(text_of(from.directory_id));
  to.set_is_undecided(from.is_undecided);
  for (const auto& voter : from.voters) {
    auto& added = *to.add_voters();
    added.set_node(voter.replica.node.value());
    added.set_directory(text_of(voter.replica.directory));
    added.mutable_address()->set_host(voter.address.host);
    added.mutable_address()->set_port(voter.address.port);
  }
  to.set_process_id(text_of(from.process_id));
  if (from.leader != kNoBroker) to.set_leader(from.leader.value());
}

std::optional<NodeDescription> read(const pb::NodeDescription& from) {
  const auto directory_id = uuid_of(from.directory_id());
  const auto process_id = uuid_of(from.process_id());
  if (!directory_id || !process_id || from.node_id() < -1 || from.voters_size() > kVotersMax) return std::nullopt;
  if (from.cluster_id().size() > kClusterIdBytesMax) return std::nullopt;
  NodeDescription description{.cluster_id = from.cluster_id(),
                              .node_id = BrokerId{from.node_id()},
                              .directory_id = *directory_id,
                              .is_undecided = from.is_undecided(),
                              .leader = from.has_leader() ? BrokerId{from.leader()} : kNoBroker,
                              .process_id = *process_id};
  for (const auto& voter : from.voters()) {
    const auto directory = uuid_of(voter.directory());
    const auto port = voter.address().port();
    if (!directory || voter.node() < 0 || port > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
    description.voters.push_back({.replica = {BrokerId{voter.node()}, *directory},
                                  .address = {voter.address().host(), static_cast<std::uint16_t>(port)}});
  }
  return description;
}

template <class Message>
std::optional<Message> parse(ByteView bytes) {
  Message message;
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return std::nullopt;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  return message;
}

}  // namespace

std::string encode(const CallRequest& request) {
  pb::CallRequest out;
  if (const auto* call = std::get_if<ControllerCall>(&request)) {
    out.mutable_controller_request()->set_request(call->request);
    out.mutable_controller_request()->set_may_be_passed_on(call->may_be_passed_on);
  } else {
    out.mutable_identify();
  }
  return out.SerializeAsString();
}

std::string encode(const CallResponse& response) {
  pb::CallResponse out;
  if (const auto* answer = std::get_if<ControllerAnswer>(&response)) {
    out.set_controller_response(answer->response);
  } else {
    fill(*out.mutable_node_description(), std::get<NodeDescription>(response));
  }
  return out.SerializeAsString();
}

std::optional<CallRequest> decode_call_request(ByteView bytes) {
  auto in = parse<pb::CallRequest>(bytes);
  if (!in) return std::nullopt;
  if (in->has_identify()) return IdentifyCall{};
  if (!in->has_controller_request()) return std::nullopt;
  auto& call = *in->mutable_controller_request();
  return ControllerCall{.request = std::move(*call.mutable_request()), .may_be_passed_on = call.may_be_passed_on()};
}

std::optional<CallResponse> decode_call_response(ByteView bytes) {
  auto in = parse<pb::CallResponse>(bytes);
  if (!in) return std::nullopt;
  if (in->has_controller_response()) return ControllerAnswer{.response = std::move(*in->mutable_controller_response())};
  if (!in->has_node_description()) return std::nullopt;
  auto description = read(in->node_description());
  if (!description) return std::nullopt;
  return *std::move(description);
}

}  // namespace sluice::broker::peer
