#include <array>

#include "broker/config/tables.hpp"
#include "broker/config/text.hpp"

namespace sluice::broker::config::tables {
namespace {

constexpr std::string_view kCleaner = "Log cleaner";

const char* not_above_zero(std::string_view value) {
  const auto number = parse_double(value);
  return number && *number > 0 ? nullptr : "above 0";
}

constexpr std::array kRows{
    Definition{.name = "log.cleaner.enable",
               .type = ConfigType::boolean,
               .default_value = "true",
               .doc = "Topics with cleanup.policy=compact are compacted, committed offsets among them.",
               .group = kCleaner},
    Definition{.name = "log.cleaner.threads",
               .type = ConfigType::int32,
               .default_value = "1",
               .min = 0,
               .max = 1024,
               .dynamic = Dynamic::cluster_wide,
               .doc = "Logs that are compacted at the same time.",
               .group = kCleaner},
    Definition{.name = "log.cleaner.dedupe.buffer.size",
               .type = ConfigType::int64,
               .default_value = "134217728",
               .min = 1048576,
               .dynamic = Dynamic::cluster_wide,
               .doc =
                   "Memory for the last offsets of keys while they are compacted, of all threads together, in bytes. "
                   "It is taken as needed, about 28 bytes a key; with more keys a log takes several passes.",
               .group = kCleaner},
    Definition{.name = "log.cleaner.io.buffer.load.factor",
               .type = ConfigType::float64,
               .default_value = "0.9",
               .min = 0,
               .max = 1,
               .dynamic = Dynamic::cluster_wide,
               .doc = "Share of that memory that may be in use before it counts as full.",
               .group = kCleaner},
    Definition{.name = "log.cleaner.io.buffer.size",
               .type = ConfigType::int32,
               .default_value = "524288",
               .min = 0,
               .dynamic = Dynamic::cluster_wide,
               .doc = "Memory for what compaction writes, of all threads together, in bytes.",
               .group = kCleaner},
    Definition{.name = "log.cleaner.io.max.bytes.per.second",
               .type = ConfigType::float64,
               .default_value = "1.7976931348623157E308",
               .dynamic = Dynamic::cluster_wide,
               .validator = not_above_zero,
               .doc = "Compaction reads and writes at most so many bytes a second, all threads together.",
               .group = kCleaner},
    Definition{.name = "log.cleaner.backoff.ms",
               .type = ConfigType::int64,
               .default_value = "15000",
               .min = 0,
               .dynamic = Dynamic::cluster_wide,
               .doc = "How long to wait before looking again where nothing was to be compacted, in milliseconds.",
               .group = kCleaner},
};

}  // namespace

std::span<const Definition> cleaner_rows() { return kRows; }

}  // namespace sluice::broker::config::tables
