#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/peer/peer_connection.hpp"
#include "broker/raft/configuration.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/uuid.hpp"

namespace sluice::broker::peer {

/// Who are you, and which cluster do you know?
struct IdentifyCall {
  friend bool operator==(const IdentifyCall&, const IdentifyCall&) = default;
};

/// For the active controller: a ControllerRequest as broker/controller/controller_codec writes it.
struct ControllerCall {
  std::string request{};
  bool may_be_passed_on = false;  ///< else NOT_CONTROLLER where that node does not lead
  friend bool operator==(const ControllerCall&, const ControllerCall&) = default;
};

/// The answer to IdentifyCall.
struct NodeDescription {
  struct Voter {
    raft::ReplicaKey replica{};  ///< its directory is zero while nobody knows it
    PeerAddress address{};       ///< port 0: not known
    friend bool operator==(const Voter&, const Voter&) = default;
  };
  std::string cluster_id{};  ///< empty: it belongs to no cluster that has one yet
  BrokerId node_id = kNoBroker;
  Uuid directory_id{};          ///< zero: it has none yet
  bool is_undecided = false;    ///< it still looks for others: `voters` are those that it heard of, itself included
  std::vector<Voter> voters{};  ///< of its log, or those it begins with; ascending
  BrokerId leader = kNoBroker;
  Uuid process_id{};  ///< while undecided: made anew at every start, so that a node knows its own answer
  friend bool operator==(const NodeDescription&, const NodeDescription&) = default;
};

/// The answer to ControllerCall: a ControllerResponse as broker/controller/controller_codec writes it.
struct ControllerAnswer {
  std::string response{};
  friend bool operator==(const ControllerAnswer&, const ControllerAnswer&) = default;
};

using CallRequest = std::variant<IdentifyCall, ControllerCall>;
using CallResponse = std::variant<NodeDescription, ControllerAnswer>;

/// The forms of cluster_call.proto. Decoding gives nullopt for what is not one of them.
std::string encode(const CallRequest& request);
std::string encode(const CallResponse& response);
std::optional<CallRequest> decode_call_request(ByteView bytes);
std::optional<CallResponse> decode_call_response(ByteView bytes);

}  // namespace sluice::broker::peer
