#include "broker/raft/raft_types.hpp"

#include <array>

#include "protocol/base/crc32c.hpp"

namespace sluice::broker::raft {
namespace {

std::uint32_t mix(std::uint32_t crc, std::int64_t value) {
  std::array<std::byte, sizeof value> bytes{};
  store_be(bytes.data(), value);
  return crc32c(bytes, crc);
}

}  // namespace

std::uint32_t checksum_of(const Entry& entry) {
  auto crc = mix(0, entry.index.value());
  crc = mix(crc, entry.term.value());
  crc = mix(crc, static_cast<std::int64_t>(entry.type));
  crc = mix(crc, entry.timestamp.value());
  crc = mix(crc, static_cast<std::int64_t>(entry.data.size()));
  crc = crc32c(as_byte_view(entry.data), crc);
  for (const auto& voter : entry.configuration.voters()) {
    crc = mix(crc, voter.node.value());
    crc = crc32c(std::as_bytes(std::span{voter.directory.bytes()}), crc);
  }
  return crc;
}

std::size_t size_of(const Entry& entry) noexcept {
  constexpr std::size_t kFixed = 32;  // index, term, type, timestamp, checksum and lengths, as Protobuf writes them
  return kFixed + entry.data.size() + entry.configuration.voters().size() * sizeof(ReplicaKey);
}

std::ostream& operator<<(std::ostream& out, Role role) {
  switch (role) {
    case Role::learner: return out << "learner";
    case Role::follower: return out << "follower";
    case Role::pre_candidate: return out << "pre_candidate";
    case Role::candidate: return out << "candidate";
    case Role::leader: return out << "leader";
  }
  return out;
}

}  // namespace sluice::broker::raft
