#include "storage/index/index_file.hpp"

#include <algorithm>
#include <cstring>

#include "protocol/base/assert.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

// One reservation covers 4 MiB of log or more at the default index interval.
constexpr std::uint64_t kReserveStepBytes = 8192;

}  // namespace

IndexFile::IndexFile(FileSystem& fs, std::string path, std::uint32_t entry_bytes)
    : fs_(fs), path_(std::move(path)), entry_bytes_(entry_bytes) {}

Result<> IndexFile::load() {
  if (!parked_) unload();
  const auto exists = fs_.exists(path_);
  if (!exists) return exists.error();
  if (!*exists) return parked_ && count() > 0 ? Result<>{Errc::corrupt_index} : Result<>{};
  auto file = fs_.open(path_, OpenMode::existing);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  if (*size % entry_bytes_ != 0 && !parked_) return Errc::corrupt_index;
  const auto entries = parked_ ? count() : static_cast<std::uint32_t>(*size / entry_bytes_);
  const auto bytes = std::uint64_t{entries} * entry_bytes_;
  if (bytes > *size) return Errc::corrupt_index;
  file_ = std::move(*file);
  if (bytes > 0) {
    if (const auto mapped = map(bytes); !mapped) {
      close();
      return mapped.error();
    }
  }
  parked_ = false;
  count_.store(entries, std::memory_order_release);
  return {};
}

Result<> IndexFile::ensure_room(std::uint32_t entries, std::uint32_t capacity_bytes) {
  const std::uint64_t capacity = capacity_bytes - capacity_bytes % entry_bytes_;
  const std::uint64_t needed = (std::uint64_t{count()} + entries) * entry_bytes_;
  if (needed <= reserved_bytes_) return {};
  if (needed > std::max<std::uint64_t>(capacity, mapped_bytes_)) return Errc::index_full;
  if (needed > mapped_bytes_ || mapped_bytes_ < capacity) {
    if (const auto opened = open_for_writing(static_cast<std::uint32_t>(capacity)); !opened) return opened.error();
  }
  const auto step = std::min((needed / kReserveStepBytes + 1) * kReserveStepBytes, mapped_bytes_);
  if (const auto reserved = file_->reserve(step); !reserved) return reserved.error();
  reserved_bytes_ = step;
  return {};
}

Result<> IndexFile::open_for_writing(std::uint32_t capacity_bytes) {
  if (!file_) {
    auto file = fs_.open(path_, OpenMode::create);
    if (!file) return file.error();
    file_ = std::move(*file);
  }
  if (const auto extended = file_->truncate(capacity_bytes); !extended) return extended.error();
  return map(capacity_bytes);
}

Result<> IndexFile::map(std::uint64_t bytes) {
  auto mapping = file_->map(bytes, Access::read_write);
  if (!mapping) return mapping.error();
  mappings_.push_back(std::move(*mapping));
  mapped_bytes_ = bytes;
  current_.store(mappings_.back().get(), std::memory_order_release);
  data_.store(mappings_.back()->bytes().data(), std::memory_order_release);
  return {};
}

void IndexFile::append(const std::byte* entry) noexcept {
  const auto index = count_.load(std::memory_order_relaxed);
  SLUICE_ASSERT((std::uint64_t{index} + 1) * entry_bytes_ <= reserved_bytes_, index, reserved_bytes_);
  std::memcpy(mappings_.back()->bytes().data() + std::size_t{index} * entry_bytes_, entry, entry_bytes_);
  count_.store(index + 1, std::memory_order_release);
}

void IndexFile::keep(std::uint32_t entries) noexcept {
  if (entries < count()) count_.store(entries, std::memory_order_release);
}

Result<> IndexFile::trim() {
  if (!file_) {
    auto file = fs_.open(path_, OpenMode::create);
    if (!file) return file.error();
    file_ = std::move(*file);
  }
  // Readers keep the mapping: they never look past the count, which the file still covers.
  reserved_bytes_ = 0;
  mapped_bytes_ = std::uint64_t{count()} * entry_bytes_;
  return file_->truncate(mapped_bytes_);
}

Result<> IndexFile::sync() {
  if (!file_) return {};
  return file_->sync_data();  // takes what was stored through the mapping too
}

// A file that can't be cut is only longer than it should be, which the next opening of the log finds.
void IndexFile::park() noexcept {
  const auto bytes = std::uint64_t{count()} * entry_bytes_;
  if (file_ && mapped_bytes_ != bytes) static_cast<void>(file_->truncate(bytes));
  close();
  parked_ = true;
}

void IndexFile::unload() noexcept {
  close();
  parked_ = false;
  count_.store(0, std::memory_order_release);
}

void IndexFile::close() noexcept {
  current_.store(nullptr, std::memory_order_release);
  data_.store(nullptr, std::memory_order_release);
  mappings_.clear();
  mapped_bytes_ = 0;
  reserved_bytes_ = 0;
  file_.reset();
}

bool IndexFile::is_cached() const noexcept {
  const auto* mapping = current_.load(std::memory_order_acquire);
  return mapping == nullptr || mapping->is_cached(std::size_t{count()} * entry_bytes_);
}

Result<> IndexFile::remove() { return fs_.remove(path_); }

Result<> IndexFile::rename_to(std::string path) {
  const auto renamed = fs_.rename(path_, path);
  if (!renamed && renamed.error() != std::errc::no_such_file_or_directory) return renamed.error();
  path_ = std::move(path);
  return {};
}

}  // namespace sluice::storage
