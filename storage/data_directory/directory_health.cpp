#include "storage/data_directory/directory_health.hpp"

#include <cerrno>

namespace sluice::storage {

std::error_code DirectoryHealth::error() const noexcept {
  if (!has_failed()) return {};
  return {claimed_.load(std::memory_order_relaxed), *category_};
}

void DirectoryHealth::fail(std::error_code reason) {
  int none = 0;
  if (!reason || !claimed_.compare_exchange_strong(none, reason.value(), std::memory_order_acq_rel)) return;
  category_ = &reason.category();
  failed_.store(true, std::memory_order_release);
  if (on_failure_) on_failure_(*this);
}

bool is_disk_failure(DiskCall call, std::error_code error) noexcept {
  if (error.category() != std::system_category() && error.category() != std::generic_category()) return false;
  switch (error.value()) {
    case EIO: return call == DiskCall::change;
    case EROFS:
    case ENODEV:
    case ENXIO:
    case ENOMEDIUM:
    case EUCLEAN:    // the file system found itself damaged
    case ESHUTDOWN:  // it was shut down by force
    case EREMOTEIO:
    case ESTALE: return true;
    default: return false;
  }
}

bool is_out_of_space(std::error_code error) noexcept {
  return error == std::errc::no_space_on_device || error == std::error_code{EDQUOT, std::system_category()};
}

}  // namespace sluice::storage
