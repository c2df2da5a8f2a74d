#pragma once

#include <string>

#include "broker/config/broker_settings.hpp"
#include "broker/identity/quorum_file.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/uuid.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::broker::identity {

/// What the data directories say, before they are opened.
struct KnownDisk {
  std::string cluster_id{};      ///< empty: none of them was in a cluster that had one
  BrokerId node_id = kNoBroker;  ///< of whoever used them
  Uuid directory_id{};           ///< of the first
  bool has_voted = false;        ///< there is a metadata log that remembers terms: this node took part in a quorum
  QuorumAddresses quorum{};      ///< remembered; without this node
};

/// Directories that can't be read say nothing here: whoever opens them complains. Errors: wrong_directory, logged in
/// one line, where they contradict each other or the configured node id.
Result<KnownDisk> read_disk(storage::FileSystem& files, const config::BrokerSettings& settings);

}  // namespace sluice::broker::identity
