#include "storage/checkpoint/copy_generation.hpp"

#include "storage/checkpoint/checkpoint_file.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {

Result<CopyGeneration> read_copy_generation(FileSystem& fs, const std::string& path) {
  const auto lines = read_checkpoint(fs, join_path(path, kCopyGenerationFile));
  if (!lines) {
    if (lines.error() == std::errc::no_such_file_or_directory) return CopyGeneration{};
    return lines.error();
  }
  if (lines->size() != 1) return Errc::corrupt_checkpoint;
  const std::string_view line = lines->front();
  const auto space = line.find(' ');
  const auto generation = parse_decimal<std::uint32_t>(line.substr(0, space));
  if (!generation) return Errc::corrupt_checkpoint;
  CopyGeneration copy{.generation = *generation};
  if (space == line.npos) return copy;
  copy.moving_to = Uuid::parse(line.substr(space + 1));
  if (!copy.moving_to) return Errc::corrupt_checkpoint;
  return copy;
}

Result<> write_copy_generation(FileSystem& fs, const std::string& path, const CopyGeneration& copy) {
  auto line = std::to_string(copy.generation);
  if (copy.moving_to) line += ' ' + copy.moving_to->to_string();
  return write_checkpoint(fs, join_path(path, kCopyGenerationFile), {line});
}

}  // namespace sluice::storage
