#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/data_directory/directory_space.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

inline constexpr std::string_view kBallastFile = "sluice-ballast";

/// Space that nobody else can take: a file of an eighth of the default reserve, thrown overboard at a start without a
/// free byte, as recovery rebuilds indexes. Other programs may fill the disk beyond any reserve that is not written.
std::uint64_t ballast_bytes(const FileSystem::Space& space) noexcept;

/// At the start: gives the space back if there is less left than it takes. Best effort.
void drop_ballast_if_needed(FileSystem& fs, const std::string& directory);

/// Makes it where it is missing and there is room for it besides the reserve. Best effort.
void keep_ballast(FileSystem& fs, const std::string& directory, const FileSystem::Space& space,
                  const DirectorySpace& known);

}  // namespace sluice::storage
