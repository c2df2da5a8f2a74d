#include "broker/identity/known_disk.hpp"

#include <spdlog/spdlog.h>

#include "storage/checkpoint/meta_properties.hpp"
#include "storage/errc.hpp"

namespace sluice::broker::identity {
namespace {

/// Of the metadata log: written before anything is promised (broker/raft/vote_file_driver.hpp).
constexpr std::string_view kVotes = "__cluster_metadata-0/quorum-state";

std::error_code wrong(const std::string& why) {
  spdlog::critical("{}", why);
  return make_error_code(storage::Errc::wrong_directory);
}

}  // namespace

Result<KnownDisk> read_disk(storage::FileSystem& files, const config::BrokerSettings& settings) {
  KnownDisk disk;
  for (const auto& path : settings.log_dirs) {
    const auto meta = storage::read_meta_properties(files, storage::join_path(path, storage::kMetaPropertiesFile));
    if (!meta) continue;
    if (path == settings.log_dirs.front()) disk.directory_id = meta->directory_id;
    if (disk.node_id != kNoBroker && disk.node_id != meta->node_id) {
      return wrong(fmt::format("{} is of node_id={}, another of log.dirs of node_id={}", path, meta->node_id.value(),
                               disk.node_id.value()));
    }
    disk.node_id = meta->node_id;
    if (!disk.cluster_id.empty() && !meta->cluster_id.empty() && disk.cluster_id != meta->cluster_id) {
      return wrong(fmt::format("{} is of cluster_id={}, another of log.dirs of cluster_id={}", path, meta->cluster_id,
                               disk.cluster_id));
    }
    if (disk.cluster_id.empty()) disk.cluster_id = meta->cluster_id;
  }
  if (disk.node_id != kNoBroker && settings.cluster.node_id_is_given && disk.node_id != settings.node_id) {
    return wrong(
        fmt::format("log.dirs are of node_id={}, but node.id = {}", disk.node_id.value(), settings.node_id.value()));
  }
  const auto& metadata = settings.cluster.metadata_log_dir;
  const auto votes = files.exists(storage::join_path(metadata.empty() ? settings.log_dirs.front() : metadata, kVotes));
  disk.has_voted = votes && *votes;
  disk.quorum = read_quorum_file(files, settings.log_dirs.front());
  disk.quorum.erase(disk.node_id);
  return disk;
}

}  // namespace sluice::broker::identity
