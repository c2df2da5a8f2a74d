#include "storage/segment/segment_file.hpp"

#include "storage/errc.hpp"

namespace sluice::storage {

Result<std::shared_ptr<File>> SegmentFile::open() const {
  const std::lock_guard lock{mutex_};
  if (!file_) {
    auto file = fs_.open(path_, OpenMode::existing);
    if (!file) return file.error();
    file_ = std::move(*file);
    file_->expect_short_reads();
  }
  return file_;
}

bool SegmentFile::is_open() const noexcept {
  const std::lock_guard lock{mutex_};
  return file_ != nullptr;
}

Result<> SegmentFile::read(std::uint64_t position, MutableBytes into, ReadMode mode) const {
  if (mode == ReadMode::cached_only && !is_open()) return Errc::not_cached;
  const auto file = open();
  if (!file) return file.error();
  const auto got =
      mode == ReadMode::cached_only ? (*file)->read_cached_at(position, into) : (*file)->read_at(position, into);
  if (!got) return got.error();
  if (*got != into.size()) return Errc::corrupt_batch;
  return {};
}

void SegmentFile::read_ahead(std::uint64_t position, std::uint64_t size) const noexcept {
  if (const auto file = open()) (*file)->read_ahead(position, size);
}

void SegmentFile::close() noexcept {
  const std::lock_guard lock{mutex_};
  file_.reset();
}

Result<> SegmentFile::rename_to(std::string path) {
  const std::lock_guard lock{mutex_};
  if (const auto renamed = fs_.rename(path_, path); !renamed) return renamed.error();
  path_ = std::move(path);
  return {};
}

std::string SegmentFile::path() const {
  const std::lock_guard lock{mutex_};
  return path_;
}

}  // namespace sluice::storage
