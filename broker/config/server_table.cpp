#include <algorithm>
#include <array>
#include <limits>

#include "broker/config/tables.hpp"
#include "broker/config/text.hpp"

namespace sluice::broker::config::tables {
namespace {

constexpr std::string_view kThreads = "Threads";
constexpr std::string_view kConnections = "Connections";
constexpr std::string_view kRequests = "Requests";
constexpr std::int64_t kMiB = 1 << 20;

bool is_address_limit(const std::string& entry) {
  const auto colon = entry.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  const auto count = parse_integer(std::string_view{entry}.substr(colon + 1));
  return count && *count >= 0 && *count <= std::numeric_limits<int>::max();
}

const char* check_address_limits(std::string_view value) {
  return std::ranges::all_of(split_list(value), is_address_limit) ? nullptr : "a list of host:count";
}

constexpr std::array kRows{
    Definition{.name = "num.network.threads",
               .type = ConfigType::int32,
               .default_value = "3",
               .min = 1,
               .max = 1024,
               .computed_default = true,
               .doc = "Threads that serve connections and handle their requests. Default: one for each core.",
               .group = kThreads},
    Definition{.name = "background.threads",
               .type = ConfigType::int32,
               .default_value = "10",
               .min = 1,
               .max = 1024,
               .doc = "Threads for work that may stall: rolling, deleting, reading cold data, housekeeping.",
               .group = kThreads},
    Definition{.name = "sluice.sync.threads",
               .type = ConfigType::int32,
               .default_value = "64",
               .min = 1,
               .max = 1024,
               .doc =
                   "The most threads for each data directory that bring appended records to stable storage. They are "
                   "started when partitions wait for one; syncs beside each other share the disk's work.",
               .group = kThreads},
    Definition{.name = "num.recovery.threads.per.data.dir",
               .type = ConfigType::int32,
               .default_value = "2",
               .min = 1,
               .max = 1024,
               .doc = "Threads for each data directory that open logs at the start and close them at the end.",
               .group = kThreads},
    Definition{.name = "sluice.shutdown.timeout.ms",
               .type = ConfigType::int64,
               .default_value = "30000",
               .min = 0,
               .doc = "How long a stop may wait for requests under way before connections are closed, in milliseconds.",
               .group = kThreads},
    Definition{.name = "socket.send.buffer.bytes",
               .type = ConfigType::int32,
               .default_value = "102400",
               .min = -1,
               .doc = "SO_SNDBUF of client connections in bytes; -1 leaves it to the system.",
               .group = kConnections},
    Definition{.name = "socket.receive.buffer.bytes",
               .type = ConfigType::int32,
               .default_value = "102400",
               .min = -1,
               .doc = "SO_RCVBUF of client connections in bytes; -1 leaves it to the system.",
               .group = kConnections},
    Definition{.name = "socket.listen.backlog.size",
               .type = ConfigType::int32,
               .default_value = "50",
               .min = 1,
               .doc = "Connections that may wait to be accepted; the system's own limit applies too.",
               .group = kConnections},
    Definition{.name = "connections.max.idle.ms",
               .type = ConfigType::int64,
               .default_value = "600000",
               .doc = "A connection without requests for so long is closed, in milliseconds; negative: never.",
               .group = kConnections},
    Definition{.name = "max.connections",
               .type = ConfigType::int32,
               .default_value = "2147483647",
               .min = 0,
               .dynamic = Dynamic::cluster_wide,
               .doc = "Connections that the broker holds at once, over all listeners.",
               .group = kConnections},
    Definition{.name = "max.connections.per.ip",
               .type = ConfigType::int32,
               .default_value = "2147483647",
               .min = 0,
               .dynamic = Dynamic::cluster_wide,
               .doc = "Connections from one address at once.",
               .group = kConnections},
    Definition{.name = "max.connections.per.ip.overrides",
               .type = ConfigType::string,
               .default_value = "",
               .dynamic = Dynamic::cluster_wide,
               .validator = check_address_limits,
               .doc = "Other limits for some addresses or host names, as host:count,host:count.",
               .group = kConnections},
    Definition{.name = "max.connection.creation.rate",
               .type = ConfigType::int32,
               .default_value = "2147483647",
               .min = 0,
               .dynamic = Dynamic::cluster_wide,
               .doc = "New connections accepted in a second.",
               .group = kConnections},
    Definition{.name = "socket.request.max.bytes",
               .type = ConfigType::int32,
               .default_value = "104857600",
               .min = 1,
               .doc = "Largest request in bytes; a larger one closes its connection.",
               .group = kRequests},
    Definition{.name = "sluice.request.memory.bytes",
               .type = ConfigType::int64,
               .default_value = "268435456",
               .min = kMiB,
               .byte_suffix = true,
               .doc =
                   "Memory for requests being read or handled, in bytes or as 256MiB. When it is used up, connections "
                   "wait to be read.",
               .group = kRequests},
    Definition{
        .name = "queued.max.request.bytes",
        .type = ConfigType::int64,
        .default_value = "-1",
        .min = -1,
        .doc = "Kafka's name for a bound on the bytes of waiting requests; -1: sluice.request.memory.bytes decides.",
        .group = kRequests},
    Definition{.name = "fetch.max.bytes",
               .type = ConfigType::int32,
               .default_value = "57671680",
               .min = 1024,
               .doc = "Most bytes of records in one fetch response, whatever the client asks for.",
               .group = kRequests},
    Definition{.name = "sluice.cold.read.ahead",
               .type = ConfigType::boolean,
               .default_value = "true",
               .doc = "Records that are not in memory are read by background threads before they are sent, so that a "
                      "consumer of old records delays nobody else. false: the connection's thread waits for the disk.",
               .group = kRequests},
    Definition{.name = "max.incremental.fetch.session.cache.slots",
               .type = ConfigType::int32,
               .default_value = "1000",
               .min = 0,
               .doc = "Fetch sessions kept at once; a consumer without one sends its whole list every time.",
               .group = kRequests},
    Definition{.name = "max.request.partition.size.limit",
               .type = ConfigType::int32,
               .default_value = "2000",
               .min = 1,
               .doc = "Most partitions in one DescribeTopicPartitions response.",
               .group = kRequests},
};

}  // namespace

std::span<const Definition> server_rows() { return kRows; }

}  // namespace sluice::broker::config::tables
