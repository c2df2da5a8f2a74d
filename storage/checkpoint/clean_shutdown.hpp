#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

inline constexpr std::string_view kCleanShutdownFile = ".kafka_cleanshutdown";
inline constexpr std::int64_t kNoBrokerEpoch = -1;

/// The marker that every log of `directory` was synced and closed: recovery may then be skipped. To be written last
/// and removed first, before any log is opened for writing. Holds {"version":0,"brokerEpoch":N}, the epoch of the
/// broker's last registration (KIP-966).
Result<> write_clean_shutdown(FileSystem& fs, const std::string& directory, std::int64_t broker_epoch);

/// The marker's broker epoch, kNoBrokerEpoch if that can't be read (older Kafkas leave the file empty); nullopt if
/// there is no marker.
Result<std::optional<std::int64_t>> read_clean_shutdown(FileSystem& fs, const std::string& directory);

/// Durable when it returns.
Result<> remove_clean_shutdown(FileSystem& fs, const std::string& directory);

}  // namespace sluice::storage
