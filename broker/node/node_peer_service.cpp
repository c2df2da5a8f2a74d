#include "broker/node/node_peer_service.hpp"

#include <utility>

#include "broker/controller/controller_codec.hpp"
#include "broker/peer/cluster_call.hpp"
#include "broker/replication/replica_progress_receiver.hpp"

namespace sluice::broker::node {

using controller::ControllerResponse;

bool NodePeerService::on_raft_messages(ByteView frame) { return cluster_.transport().receive(frame); }

bool NodePeerService::on_replica_progress(ByteView message) { return progress_.receive(message); }

void NodePeerService::on_cluster_call(ByteView request, std::function<void(std::string)> answer) {
  const auto call = peer::decode_call_request(request);
  if (!call) return answer({});
  const auto* asked = std::get_if<peer::ControllerCall>(&*call);
  if (asked == nullptr) {
    return cluster_.describe([answer = std::move(answer)](peer::NodeDescription description) {
      answer(peer::encode(peer::CallResponse{std::move(description)}));
    });
  }
  auto decoded = controller::decode_request(as_byte_view(asked->request));
  if (!decoded) return answer({});
  auto respond = [answer = std::move(answer)](const ControllerResponse& response) {
    answer(peer::encode(peer::CallResponse{peer::ControllerAnswer{.response = controller::encode(response)}}));
  };
  if (asked->may_be_passed_on) {
    cluster_.controller().submit(std::move(*decoded), std::move(respond));
  } else {
    cluster_.metadata().submit(std::move(*decoded), std::move(respond));
  }
}

}  // namespace sluice::broker::node
