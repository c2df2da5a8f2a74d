#include "broker/identity/quorum_file.hpp"

#include <fmt/format.h>
#include <limits>
#include <sstream>

#include "storage/checkpoint/checkpoint_file.hpp"

namespace sluice::broker::identity {
namespace {

constexpr std::size_t kAddressesMax = 10000;

}  // namespace

QuorumAddresses read_quorum_file(storage::FileSystem& fs, const std::string& directory) {
  QuorumAddresses addresses;
  const auto text = storage::read_file(fs, storage::join_path(directory, kQuorumFile));
  if (!text) return addresses;
  std::istringstream lines{*text};
  std::int64_t node = 0;
  std::int64_t port = 0;
  std::string host;
  while (addresses.size() < kAddressesMax && lines >> node >> port >> host) {
    const bool is_node = node >= 0 && node <= std::numeric_limits<std::int32_t>::max();
    if (!is_node || port <= 0 || port > std::numeric_limits<std::uint16_t>::max()) continue;
    addresses[BrokerId{static_cast<std::int32_t>(node)}] = {host, static_cast<std::uint16_t>(port)};
  }
  return addresses;
}

Result<> write_quorum_file(storage::FileSystem& fs, const std::string& directory, const QuorumAddresses& addresses) {
  std::string text;
  for (const auto& [node, address] : addresses) {
    const bool fits_a_line = address.host.find_first_of(" \t\r\n") == std::string::npos && !address.host.empty();
    if (fits_a_line) text += fmt::format("{} {} {}\n", node.value(), address.port, address.host);
  }
  return storage::write_file_atomically(fs, storage::join_path(directory, kQuorumFile), text);
}

}  // namespace sluice::broker::identity
