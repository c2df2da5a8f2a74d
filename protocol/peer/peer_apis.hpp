#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/api_key.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/version_range.hpp"
#include "protocol/wire/writer.hpp"

// What nodes of one cluster say to each other besides Kafka's own APIs. Their frames have Kafka's headers, on the
// listeners of brokers and controllers alone; the bodies are one Protobuf message each, which protocol/ only carries.
// The keys are far above Kafka's, and no client is told of them.

namespace sluice::protocol {

/// The whole body of a frame, which points into it.
struct PeerPayload {
  ByteView bytes{};
};

inline void encode(const PeerPayload& payload, std::int16_t, wire::Writer& writer) { writer.raw(payload.bytes); }
inline std::size_t encoded_size(const PeerPayload& payload, std::int16_t) { return payload.bytes.size(); }
inline bool decode(wire::Reader& reader, std::int16_t, PeerPayload& payload) {
  payload.bytes = reader.raw(reader.remaining());
  return reader.ok();
}

template <std::int16_t kKey>
struct PeerApi {
  // Types of their own, so that responses are told apart where overloads or error codes are looked for.
  struct Request : PeerPayload {};
  struct Response : PeerPayload {};
  static constexpr auto key = static_cast<ApiKey>(kKey);
  static constexpr wire::VersionRange versions{0, 0};
  static constexpr std::int16_t first_flexible = 1;
};

/// Messages of the metadata quorum (broker/raft/raft_message.proto). One way: no response.
struct RaftMessages : PeerApi<0x5300> {
  static constexpr std::string_view name = "RaftMessages";
};
/// A request to the active controller, or about the cluster (broker/peer/cluster_call.proto), and its response.
struct ClusterCall : PeerApi<0x5301> {
  static constexpr std::string_view name = "ClusterCall";
};
/// How much of its replicas a follower has synced (broker/replication/replica_progress.proto). One way: no response.
struct ReplicaProgress : PeerApi<0x5302> {
  static constexpr std::string_view name = "ReplicaProgress";
};

inline constexpr std::int16_t kFirstPeerKey = 0x5300;

}  // namespace sluice::protocol
