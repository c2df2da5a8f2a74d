#include "storage/data_directory/ballast.hpp"

#include <algorithm>

namespace sluice::storage {

std::uint64_t ballast_bytes(const FileSystem::Space& space) noexcept {
  return DirectorySpace::default_reserve(space.total) / 8;
}

void drop_ballast_if_needed(FileSystem& fs, const std::string& directory) {
  const auto space = fs.space(directory);
  if (space && space->available < ballast_bytes(*space)) (void)fs.remove(join_path(directory, kBallastFile));
}

void keep_ballast(FileSystem& fs, const std::string& directory, const FileSystem::Space& space,
                  const DirectorySpace& known) {
  const auto bytes = ballast_bytes(space);
  const auto path = join_path(directory, kBallastFile);
  if (bytes == 0 || known.room() < static_cast<std::int64_t>(2 * bytes)) return;
  if (const auto there = fs.exists(path); !there || *there) return;
  const auto file = fs.open(path, OpenMode::create);
  if (!file) return;
  if (!(*file)->reserve(bytes)) (void)fs.remove(path);
}

}  // namespace sluice::storage
