#include "storage/checkpoint/clean_shutdown.hpp"

#include <fmt/format.h>

#include "storage/checkpoint/checkpoint_file.hpp"

namespace sluice::storage {
namespace {

constexpr std::string_view kBeforeEpoch = R"({"version":0,"brokerEpoch":)";
constexpr std::string_view kAfterEpoch = "}";

std::optional<std::int64_t> parse_marker(std::string_view text) {
  if (!text.starts_with(kBeforeEpoch) || !text.ends_with(kAfterEpoch)) return std::nullopt;
  text.remove_prefix(kBeforeEpoch.size());
  text.remove_suffix(kAfterEpoch.size());
  return parse_decimal<std::int64_t>(text);
}

}  // namespace

Result<> write_clean_shutdown(FileSystem& fs, const std::string& directory, std::int64_t broker_epoch) {
  return write_file_atomically(fs, join_path(directory, kCleanShutdownFile),
                               fmt::format("{}{}{}", kBeforeEpoch, broker_epoch, kAfterEpoch));
}

Result<std::optional<std::int64_t>> read_clean_shutdown(FileSystem& fs, const std::string& directory) {
  const auto text = read_file(fs, join_path(directory, kCleanShutdownFile));
  if (text) return std::optional{parse_marker(*text).value_or(kNoBrokerEpoch)};
  if (text.error() == std::errc::no_such_file_or_directory) return std::optional<std::int64_t>{};
  return text.error();
}

Result<> remove_clean_shutdown(FileSystem& fs, const std::string& directory) {
  if (const auto removed = fs.remove(join_path(directory, kCleanShutdownFile)); !removed) return removed;
  return fs.sync_directory(directory);
}

}  // namespace sluice::storage
