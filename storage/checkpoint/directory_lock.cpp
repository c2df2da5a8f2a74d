#include "storage/checkpoint/directory_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <utility>

#include "storage/errc.hpp"

namespace sluice::storage {

Result<DirectoryLock> DirectoryLock::acquire(const std::string& directory) {
  auto descriptor = open_descriptor(join_path(directory, kDirectoryLockFile), O_RDWR | O_CREAT);
  if (!descriptor) return descriptor.error();
  while (::flock(descriptor->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Errc::directory_locked;
    if (errno != EINTR) return last_system_error();
  }
  return DirectoryLock{std::move(*descriptor)};
}

}  // namespace sluice::storage
