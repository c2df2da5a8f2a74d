#include "storage/fs/uncached_file.hpp"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace sluice::storage {
namespace {

// What every device takes: both positions in the file and addresses in memory.
constexpr std::uint64_t kAlignment = 4096;
constexpr std::uint64_t kStepBytes = 256U << 10;

std::error_code read_only() { return {EBADF, std::system_category()}; }

}  // namespace

Result<std::unique_ptr<File>> UncachedFile::open(const std::string& path) {
  auto descriptor = open_descriptor(path, O_RDONLY | O_DIRECT);
  const bool direct = descriptor.has_value();
  // A file system in memory, for one, has no such reads.
  if (!direct && descriptor.error() == std::errc::invalid_argument) descriptor = open_descriptor(path, O_RDONLY);
  if (!descriptor) return descriptor.error();
  return std::unique_ptr<File>{new UncachedFile{std::move(*descriptor), direct}};
}

Result<std::size_t> UncachedFile::read_at(std::uint64_t position, MutableBytes into) const {
  const std::lock_guard lock{mutex_};
  std::size_t total = 0;
  while (total < into.size()) {
    const auto rest = into.subspan(total, std::min<std::size_t>(into.size() - total, kStepBytes - kAlignment));
    const auto got = direct_ ? read_part(position + total, rest) : read_and_drop(position + total, rest);
    if (!got) return got.error();
    total += *got;
    if (*got < rest.size()) break;
  }
  return total;
}

Result<std::size_t> UncachedFile::read_part(std::uint64_t position, MutableBytes into) const {
  if (!aligned_) aligned_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, kStepBytes)));
  if (!aligned_) return std::error_code{ENOMEM, std::system_category()};
  const auto start = position / kAlignment * kAlignment;
  const auto end = (position + into.size() + kAlignment - 1) / kAlignment * kAlignment;
  ssize_t count;
  do {
    count = ::pread(file_.descriptor(), aligned_.get(), end - start, static_cast<off_t>(start));
  } while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EINVAL && ::fcntl(file_.descriptor(), F_SETFL, O_RDONLY) == 0) {
    direct_ = false;  // a device that wants more than this
    return read_and_drop(position, into);
  }
  if (count < 0) return last_system_error();
  const auto skipped = position - start;
  const auto got = static_cast<std::uint64_t>(count) > skipped ? static_cast<std::uint64_t>(count) - skipped : 0;
  const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(got, into.size()));
  std::memcpy(into.data(), aligned_.get() + skipped, bytes);
  return bytes;
}

Result<std::size_t> UncachedFile::read_and_drop(std::uint64_t position, MutableBytes into) const {
  const bool cached = file_.is_cached(position, into.size());
  const auto got = file_.read_at(position, into);
  if (got && !cached) {
    const auto bytes = static_cast<off_t>(into.size());
    ::posix_fadvise(file_.descriptor(), static_cast<off_t>(position), bytes, POSIX_FADV_DONTNEED);
  }
  return got;
}

Result<> UncachedFile::write_at(std::uint64_t /*position*/, std::span<const ByteView> /*parts*/) { return read_only(); }
Result<> UncachedFile::truncate(std::uint64_t /*size*/) { return read_only(); }
Result<> UncachedFile::reserve(std::uint64_t /*size*/) { return read_only(); }
Result<> UncachedFile::sync_data() { return read_only(); }
Result<std::unique_ptr<Mapping>> UncachedFile::map(std::uint64_t /*size*/, Access /*access*/) { return read_only(); }

}  // namespace sluice::storage
