#include "storage/data_directory/known_directories.hpp"

#include "storage/checkpoint/checkpoint_file.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {

Result<std::vector<KnownDirectory>> read_known_directories(FileSystem& fs, const std::string& directory) {
  std::vector<KnownDirectory> known;
  const auto lines = read_checkpoint(fs, join_path(directory, kKnownDirectoriesFile));
  if (!lines) {
    if (lines.error() == std::errc::no_such_file_or_directory) return known;
    return lines.error();
  }
  for (const std::string_view line : *lines) {
    const auto space = line.find(' ');
    const auto id = Uuid::parse(line.substr(0, space));
    if (space == line.npos || !id) return Errc::corrupt_checkpoint;
    known.push_back({*id, std::string{line.substr(space + 1)}});
  }
  return known;
}

Result<> write_known_directories(FileSystem& fs, const std::string& directory,
                                 const std::vector<KnownDirectory>& known) {
  std::vector<std::string> lines;
  for (const auto& one : known) lines.push_back(one.id.to_string() + ' ' + one.path);
  return write_checkpoint(fs, join_path(directory, kKnownDirectoriesFile), lines);
}

}  // namespace sluice::storage
