#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/result.hpp"
#include "protocol/base/uuid.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

inline constexpr std::string_view kCopyGenerationFile = "sluice-copy-generation";

/// Which of several copies of a partition in different data directories is the partition: each move to another
/// directory makes a copy of the next generation, and the highest is it. Missing for one that never moved.
///
/// On disk: a checkpoint with one line, `<generation>` or, from before a move takes effect until its end,
/// `<generation> <id of the data directory that it moves to>`. The latter tells, while that directory is away, that
/// there may be a newer copy.
struct CopyGeneration {
  std::uint32_t generation = 0;
  std::optional<Uuid> moving_to = std::nullopt;
};

/// Of the partition's directory `path`. Errors: Errc::corrupt_checkpoint; of the system.
Result<CopyGeneration> read_copy_generation(FileSystem& fs, const std::string& path);
/// Durable when it returns.
Result<> write_copy_generation(FileSystem& fs, const std::string& path, const CopyGeneration& copy);

}  // namespace sluice::storage
