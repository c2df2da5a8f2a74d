#pragma once

#include <system_error>

namespace sluice::storage::wal {

/// What can go wrong with a write-ahead log beyond what the operating system reports (those travel in the system
/// category: ENOSPC, EIO, …).
enum class Errc {
  corrupt = 1,      ///< what was durable does not read back; the files are left as they are
  failed,           ///< an earlier sync or undo failed, or the log was closed: open it anew
  write_too_large,  ///< one batch must fit into a segment
  several_logs,     ///< an atomic batch of units that lie in different logs, see Layout
  out_of_range,     ///< a mark beyond what was written
  wrong_layout,     ///< the directory was made with another Layout, or is no write-ahead log
  locked,           ///< another process has the directory open
};

const std::error_category& wal_category() noexcept;
inline std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), wal_category()}; }

}  // namespace sluice::storage::wal

template <>
struct std::is_error_code_enum<sluice::storage::wal::Errc> : std::true_type {};
