#pragma once

#include <system_error>

namespace sluice::storage::wal {

/// The library's own code for what the log below it says; codes of the operating system pass.
std::error_code to_wal_error(std::error_code code) noexcept;

}  // namespace sluice::storage::wal
