#include "storage/wal/storage_error.hpp"

#include "storage/errc.hpp"
#include "storage/wal/errc.hpp"

namespace sluice::storage::wal {

std::error_code to_wal_error(std::error_code code) noexcept {
  if (code == storage::Errc::log_offline) return Errc::failed;
  if (code == storage::Errc::directory_locked) return Errc::locked;
  if (code == storage::Errc::batch_larger_than_segment) return Errc::write_too_large;
  if (code.category() == storage_category()) return Errc::corrupt;
  return code;
}

}  // namespace sluice::storage::wal
