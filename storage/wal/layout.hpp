#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/fs/file_system.hpp"
#include "storage/wal/wal.hpp"

namespace sluice::storage::wal {

/// The unit that stands for the physical log of `unit`: what the layout does not tell apart is 0.
Unit log_of(Layout layout, const Unit& unit) noexcept;

/// The log's directory: `log`, `region-<namespace>-<region>` or `table-<namespace>-<region>-<table>`, decimal.
std::string log_name(Layout layout, const Unit& key);
std::optional<Unit> parse_log_name(Layout layout, std::string_view name);

/// Durable when it returns, its own name included.
Result<> make_directory(FileSystem& fs, const std::string& directory);

/// `wal.layout`: one line, "sluice-wal 1 <layout>". Written when the directory is new.
/// Errors: Errc::wrong_layout; the file system's.
Result<> settle_layout(FileSystem& fs, const std::string& directory, Layout layout);

}  // namespace sluice::storage::wal
