#include "storage/segment/segment_file.hpp"

#include "storage/errc.hpp"
#include "storage/segment/log_slice.hpp"

namespace sluice::storage {

Result<File*> SegmentFile::open() const {
  if (auto* file = opened_.load(std::memory_order_acquire)) return file;
  const std::lock_guard lock{mutex_};
  if (!file_) {
    auto file = fs_.open(path_, OpenMode::existing);
    if (!file) return file.error();
    file_ = std::move(*file);
    opened_.store(file_.get(), std::memory_order_release);
  }
  return file_.get();
}

Result<> SegmentFile::read(std::uint64_t position, MutableBytes into) const {
  const auto file = open();
  if (!file) return file.error();
  const auto got = (*file)->read_at(position, into);
  if (!got) return got.error();
  if (*got != into.size()) return Errc::corrupt_batch;
  return {};
}

int SegmentFile::descriptor() const noexcept {
  const auto* file = opened_.load(std::memory_order_acquire);
  return file ? file->descriptor() : -1;
}

void SegmentFile::close() noexcept {
  const std::lock_guard lock{mutex_};
  opened_.store(nullptr, std::memory_order_release);
  file_.reset();
}

int LogSlice::descriptor() const noexcept { return file ? file->descriptor() : -1; }

Result<> LogSlice::read(MutableBytes into) const {
  if (empty()) return {};
  return file->read(position, into.first(size));
}

}  // namespace sluice::storage
