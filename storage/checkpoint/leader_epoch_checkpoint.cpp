#include "storage/checkpoint/leader_epoch_checkpoint.hpp"

#include <cstdint>
#include <fmt/format.h>

#include "storage/checkpoint/checkpoint_file.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {

Result<std::vector<EpochStart>> read_leader_epoch_checkpoint(FileSystem& fs, const std::string& path) {
  const auto lines = read_checkpoint(fs, path);
  if (!lines) return lines.error();
  std::vector<EpochStart> epochs;
  for (const auto& line : *lines) {
    const auto fields = split_fields(line, 2);
    if (!fields) return Errc::corrupt_checkpoint;
    const auto leader_epoch = parse_decimal<std::int32_t>((*fields)[0]);
    const auto start_offset = parse_decimal<std::int64_t>((*fields)[1]);
    if (!leader_epoch || *leader_epoch < 0 || !start_offset || *start_offset < 0) return Errc::corrupt_checkpoint;
    epochs.push_back({LeaderEpoch{*leader_epoch}, Offset{*start_offset}});
  }
  return epochs;
}

Result<> write_leader_epoch_checkpoint(FileSystem& fs, const std::string& path, const std::vector<EpochStart>& epochs) {
  std::vector<std::string> lines;
  lines.reserve(epochs.size());
  for (const auto& [leader_epoch, start_offset] : epochs) {
    lines.push_back(fmt::format("{} {}", leader_epoch.value(), start_offset.value()));
  }
  return write_checkpoint(fs, path, lines);
}

}  // namespace sluice::storage
