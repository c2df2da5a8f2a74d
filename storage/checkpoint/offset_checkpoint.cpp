#include "storage/checkpoint/offset_checkpoint.hpp"

#include <cstdint>
#include <fmt/format.h>
#include <optional>
#include <utility>
#include <vector>

#include "storage/checkpoint/checkpoint_file.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

std::optional<OffsetCheckpoint::value_type> parse_line(std::string_view line) {
  const auto fields = split_fields(line, 3);
  if (!fields) return std::nullopt;
  const auto partition = parse_decimal<std::int32_t>((*fields)[1]);
  const auto offset = parse_decimal<std::int64_t>((*fields)[2]);
  if (!partition || *partition < 0 || !offset || *offset < 0) return std::nullopt;
  return OffsetCheckpoint::value_type{{std::string{(*fields)[0]}, PartitionId{*partition}}, Offset{*offset}};
}

}  // namespace

Result<OffsetCheckpoint> read_offset_checkpoint(FileSystem& fs, const std::string& path) {
  const auto lines = read_checkpoint(fs, path);
  if (!lines) return lines.error();
  OffsetCheckpoint offsets;
  for (const auto& line : *lines) {
    auto entry = parse_line(line);
    if (!entry || !offsets.insert(std::move(*entry)).second) return Errc::corrupt_checkpoint;
  }
  return offsets;
}

Result<> write_offset_checkpoint(FileSystem& fs, const std::string& path, const OffsetCheckpoint& offsets) {
  std::vector<std::string> lines;
  lines.reserve(offsets.size());
  for (const auto& [at, offset] : offsets) {
    lines.push_back(fmt::format("{} {} {}", at.topic, at.partition.value(), offset.value()));
  }
  return write_checkpoint(fs, path, lines);
}

}  // namespace sluice::storage
