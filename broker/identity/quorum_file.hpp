#pragma once

#include <map>
#include <string>
#include <string_view>

#include "broker/peer/peer_connection.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::broker::identity {

inline constexpr std::string_view kQuorumFile = "sluice-quorum";

/// Where the nodes of the quorum were found last: what a node that joined by one address has to go by after a restart.
/// A hint, never the truth: who votes is in the log.
using QuorumAddresses = std::map<BrokerId, peer::PeerAddress>;

/// One line `<node> <port> <host>` each. Empty where there is no such file, or nothing sensible in it.
QuorumAddresses read_quorum_file(storage::FileSystem& fs, const std::string& directory);
Result<> write_quorum_file(storage::FileSystem& fs, const std::string& directory, const QuorumAddresses& addresses);

}  // namespace sluice::broker::identity
