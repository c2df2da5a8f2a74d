#include "storage/fs/posix_file.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <limits.h>
#include <span>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

constexpr mode_t kFilePermissions = 0644;
constexpr std::size_t kPartsPerCall = 64;  // of the IOV_MAX that pwritev takes; an append has a handful of parts
static_assert(kPartsPerCall <= IOV_MAX);
constexpr std::uint64_t kSampleBytes = 128U << 10;         // pages come and go by about so many: the usual window
constexpr std::uint64_t kReadAheadStepBytes = 128U << 10;  // a device may cap each request for more at this much

class PosixMapping final : public Mapping {
 public:
  PosixMapping(void* address, std::size_t size) noexcept : address_(address), size_(size) {}
  PosixMapping(const PosixMapping&) = delete;
  PosixMapping& operator=(const PosixMapping&) = delete;
  ~PosixMapping() override { ::munmap(address_, size_); }

  MutableBytes bytes() noexcept override { return {static_cast<std::byte*>(address_), size_}; }

  Result<> sync() override {
    if (::msync(address_, size_, MS_SYNC) != 0) return last_system_error();
    return {};
  }

  bool is_cached(std::size_t bytes) const noexcept override {
    const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::array<unsigned char, kPagesPerLook> pages;
    const auto size = std::min(bytes, size_);
    for (std::size_t at = 0; at < size; at += pages.size() * page_bytes) {
      const auto part = std::min(size - at, pages.size() * page_bytes);
      if (::mincore(static_cast<std::byte*>(address_) + at, part, pages.data()) != 0) return false;
      const auto end = pages.begin() + static_cast<std::ptrdiff_t>((part + page_bytes - 1) / page_bytes);
      if (!std::all_of(pages.begin(), end, [](unsigned char page) { return (page & 1) != 0; })) {
        begin_to_read(at, size);
        return false;
      }
    }
    return true;
  }

 private:
  static constexpr std::size_t kPagesPerLook = 512;

  // Whole, or a binary search that faults in a few pages at a time would leave it not cached for long.
  void begin_to_read(std::size_t from, std::size_t to) const noexcept {
    for (auto at = from; at < to; at += kReadAheadStepBytes) {
      const auto bytes = std::min<std::size_t>(to - at, kReadAheadStepBytes);
      if (::madvise(static_cast<std::byte*>(address_) + at, bytes, MADV_WILLNEED) != 0) return;
    }
  }

  void* address_;
  std::size_t size_;
};

/// Walks a list of parts by however many bytes each call managed to write.
class PartsCursor {
 public:
  explicit PartsCursor(std::span<const ByteView> parts) noexcept : parts_(parts) { skip_empty(); }

  bool done() const noexcept { return parts_.empty(); }

  /// Fills `vectors` with what is to be written next and returns how many it used.
  int gather(std::span<iovec> vectors) const noexcept {
    std::size_t count = 0;
    for (; count < vectors.size() && count < parts_.size(); ++count) {
      const auto part = count == 0 ? parts_[0].subspan(skipped_) : parts_[count];
      vectors[count] = {const_cast<std::byte*>(part.data()), part.size()};
    }
    return static_cast<int>(count);
  }

  void advance(std::size_t written) noexcept {
    skipped_ += written;
    skip_empty();
  }

 private:
  void skip_empty() noexcept {
    while (!parts_.empty() && skipped_ >= parts_[0].size()) {
      skipped_ -= parts_[0].size();
      parts_ = parts_.subspan(1);
    }
  }

  std::span<const ByteView> parts_;
  std::size_t skipped_ = 0;  // of parts_[0], already written
};

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Descriptor> open_descriptor(const std::string& path, int flags) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, kFilePermissions);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return last_system_error();
  return Descriptor{fd};
}

Result<std::size_t> PosixFile::read_at(std::uint64_t position, MutableBytes into) const {
  std::size_t total = 0;
  while (total < into.size()) {
    const auto rest = into.subspan(total);
    const auto count = ::pread(descriptor_.get(), rest.data(), rest.size(), static_cast<off_t>(position + total));
    if (count == 0) break;
    if (count < 0) {
      if (errno == EINTR) continue;
      return last_system_error();
    }
    total += static_cast<std::size_t>(count);
  }
  return total;
}

// Of a kernel or file system that does not know the flag nothing is known: the caller then lets others wait.
Result<std::size_t> PosixFile::read_cached_at(std::uint64_t position, MutableBytes into) const {
  std::size_t total = 0;
  while (total < into.size()) {
    const auto rest = into.subspan(total);
    const iovec part{rest.data(), rest.size()};
    const auto count = ::preadv2(descriptor_.get(), &part, 1, static_cast<off_t>(position + total), RWF_NOWAIT);
    if (count == 0) break;
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EOPNOTSUPP || errno == ENOSYS) return Errc::not_cached;
      return last_system_error();
    }
    total += static_cast<std::size_t>(count);
  }
  return total;
}

bool PosixFile::is_cached(std::uint64_t position, std::uint64_t size) const noexcept {
  std::byte sample;
  const auto holds = [&](std::uint64_t at) { return read_cached_at(at, {&sample, 1}).has_value(); };
  for (std::uint64_t at = 0; at + 1 < size; at += kSampleBytes) {
    if (!holds(position + at)) return false;
  }
  return size == 0 || holds(position + size - 1);
}

void PosixFile::read_ahead(std::uint64_t position, std::uint64_t size) const noexcept {
  for (std::uint64_t at = 0; at < size; at += kReadAheadStepBytes) {
    const auto bytes = std::min(size - at, kReadAheadStepBytes);
    if (::readahead(descriptor_.get(), static_cast<off64_t>(position + at), bytes) != 0) return;
  }
}

// The kernel's own read-ahead may be megabytes, and takes the thread that happens to ask for as long as that many pages
// take to be allocated: milliseconds, even where the read itself must not wait.
void PosixFile::expect_short_reads() const noexcept {
  static_cast<void>(::posix_fadvise(descriptor_.get(), 0, 0, POSIX_FADV_RANDOM));
}

Result<> PosixFile::write_at(std::uint64_t position, std::span<const ByteView> parts) {
  std::array<iovec, kPartsPerCall> vectors;
  PartsCursor cursor{parts};
  while (!cursor.done()) {
    const int count = cursor.gather(vectors);
    const auto written = ::pwritev(descriptor_.get(), vectors.data(), count, static_cast<off_t>(position));
    if (written < 0) {
      if (errno == EINTR) continue;
      return last_system_error();
    }
    if (written == 0) return std::error_code{EIO, std::system_category()};  // no progress and no reason: don't spin
    position += static_cast<std::uint64_t>(written);
    cursor.advance(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::uint64_t> PosixFile::size() const {
  struct stat status;
  if (::fstat(descriptor_.get(), &status) != 0) return last_system_error();
  return static_cast<std::uint64_t>(status.st_size);
}

Result<> PosixFile::truncate(std::uint64_t size) {
  while (::ftruncate(descriptor_.get(), static_cast<off_t>(size)) != 0) {
    if (errno != EINTR) return last_system_error();
  }
  return {};
}

Result<> PosixFile::reserve(std::uint64_t size) {
  if (size == 0) return {};
  while (::fallocate(descriptor_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)) != 0) {
    if (errno == EOPNOTSUPP || errno == ENOSYS) return {};
    if (errno != EINTR) return last_system_error();
  }
  return {};
}

Result<> PosixFile::sync_data() {
  // Never again after a failure, not even EINTR: a second call reports success for data the kernel has dropped.
  if (::fdatasync(descriptor_.get()) != 0) return last_system_error();
  return {};
}

Result<std::unique_ptr<Mapping>> PosixFile::map(std::uint64_t size, Access access) {
  const auto file_size = this->size();
  if (!file_size) return file_size.error();
  if (size == 0 || size > *file_size) return std::error_code{EINVAL, std::system_category()};
  const int protection = access == Access::read_write ? PROT_READ | PROT_WRITE : PROT_READ;
  void* address = ::mmap(nullptr, size, protection, MAP_SHARED, descriptor_.get(), 0);
  if (address == MAP_FAILED) return last_system_error();
  // What is written through a mapping is an index: a store to its end, a bisection. Reading around each fault, as far
  // as the device's read-ahead goes, would fill the page cache with what nobody asked for. A refusal costs time only.
  if (access == Access::read_write) static_cast<void>(::madvise(address, size, MADV_RANDOM));
  return std::unique_ptr<Mapping>{std::make_unique<PosixMapping>(address, size)};
}

}  // namespace sluice::storage
