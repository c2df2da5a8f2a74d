#include "storage/wal/layout.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "storage/checkpoint/checkpoint_file.hpp"

namespace sluice::storage::wal {
namespace {

constexpr std::string_view kLayoutFile = "wal.layout";
constexpr std::string_view kSharedName = "log";
constexpr std::string_view kRegionPrefix = "region-";
constexpr std::string_view kTablePrefix = "table-";

std::string_view name_of(Layout layout) {
  switch (layout) {
    case Layout::shared: return "shared";
    case Layout::per_region: return "per_region";
    case Layout::per_table: return "per_table";
  }
  return {};
}

}  // namespace

Unit log_of(Layout layout, const Unit& unit) noexcept {
  switch (layout) {
    case Layout::shared: return {};
    case Layout::per_region: return {unit.name_space, unit.region, 0};
    case Layout::per_table: return unit;
  }
  return unit;
}

std::string log_name(Layout layout, const Unit& key) {
  switch (layout) {
    case Layout::shared: return std::string{kSharedName};
    case Layout::per_region: return fmt::format("{}{}-{}", kRegionPrefix, key.name_space, key.region);
    case Layout::per_table: return fmt::format("{}{}-{}-{}", kTablePrefix, key.name_space, key.region, key.table);
  }
  return {};
}

// Only what log_name makes is one: reads the numbers, makes the name of them and compares.
std::optional<Unit> parse_log_name(Layout layout, std::string_view name) {
  std::array<std::uint64_t, 3> numbers{};
  auto rest = name;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto dash = rest.find('-');
    if (dash == std::string_view::npos) break;
    rest.remove_prefix(dash + 1);
    const auto number = parse_decimal<std::uint64_t>(rest.substr(0, rest.find('-')));
    if (!number) return std::nullopt;
    numbers[i] = *number;
  }
  const Unit key{static_cast<std::uint8_t>(numbers[0]), numbers[1], numbers[2]};
  if (log_name(layout, key) != name) return std::nullopt;
  return key;
}

Result<> make_directory(FileSystem& fs, const std::string& directory) {
  if (const auto made = fs.create_directories(directory); !made) return made.error();
  return fs.sync_directory(parent_path(directory));
}

Result<> settle_layout(FileSystem& fs, const std::string& directory, Layout layout) {
  const auto path = join_path(directory, kLayoutFile);
  const auto line = fmt::format("sluice-wal 1 {}\n", name_of(layout));
  const auto found = read_file(fs, path);
  if (found) {
    if (*found != line) return Errc::wrong_layout;
    return {};
  }
  if (found.error() != std::errc::no_such_file_or_directory) return found.error();
  const auto entries = fs.list(directory);
  if (!entries) return entries.error();
  // The line is there before any log is.
  if (std::any_of(entries->begin(), entries->end(), [](const DirectoryEntry& entry) { return entry.is_directory; }))
    return Errc::wrong_layout;
  return write_file_atomically(fs, path, line);
}

}  // namespace sluice::storage::wal
