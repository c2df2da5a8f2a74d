#include "storage/fs/memory_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>
#include <sys/mman.h>
#include <unordered_set>
#include <utility>

namespace sluice::storage {
namespace {

constexpr std::uint64_t kSectorBytes = 512;  // what a disk writes whole or not at all

std::error_code system_error(int error) noexcept { return {error, std::system_category()}; }

/// Copies bytes that another thread may be writing through a mapping, as a disk would while pages change.
__attribute__((no_sanitize("thread"))) void snapshot(const std::byte* from, std::byte* to, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) to[i] = *static_cast<const volatile std::byte*>(from + i);
}

/// The sectors of a change that did not make it; what comes later to them does not either.
class LostSectors {
 public:
  bool contains(std::uint64_t sector) const { return sector >= first_of_rest_ || sectors_.contains(sector); }
  void add(std::uint64_t sector) { sectors_.insert(sector); }
  void add_from(std::uint64_t sector) { first_of_rest_ = std::min(first_of_rest_, sector); }

 private:
  std::unordered_set<std::uint64_t> sectors_;
  std::uint64_t first_of_rest_ = std::numeric_limits<std::uint64_t>::max();
};

void copy_into(std::vector<std::byte>& image, std::uint64_t position, ByteView bytes) {
  if (bytes.empty()) return;
  if (image.size() < position + bytes.size()) image.resize(position + bytes.size());
  std::memcpy(image.data() + position, bytes.data(), bytes.size());
}

void keep_some_sectors(std::vector<std::byte>& image, std::uint64_t position, ByteView bytes, LostSectors& lost,
                       CrashDice& dice) {
  while (!bytes.empty()) {
    const auto sector = position / kSectorBytes;
    const auto count = std::min<std::uint64_t>(bytes.size(), (sector + 1) * kSectorBytes - position);
    if (!lost.contains(sector)) {
      if (dice.keeps()) {
        copy_into(image, position, bytes.first(count));
      } else {
        lost.add(sector);
      }
    }
    position += count;
    bytes = bytes.subspan(count);
  }
}

}  // namespace

AddressRange::AddressRange(std::size_t size) : size_(size) {
  void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) throw std::bad_alloc{};
  data_ = static_cast<std::byte*>(address);
}

AddressRange::~AddressRange() { ::munmap(data_, size_); }

MemoryFile::MemoryFile(MemoryDisk& disk) : disk_(disk), range_(disk.file_bytes_max) {}

MemoryFile::MemoryFile(MemoryDisk& disk, std::vector<std::byte> content) : MemoryFile(disk) {
  size_ = allocated_ = content.size();
  disk_.used += allocated_;
  if (!content.empty()) std::memcpy(range_.data(), content.data(), content.size());
  durable_ = std::move(content);
}

MemoryFile::~MemoryFile() { disk_.used -= allocated_; }

std::size_t MemoryFile::read(std::uint64_t position, MutableBytes into) const noexcept {
  if (position >= size_ || into.empty()) return 0;
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - position));
  std::memcpy(into.data(), range_.data() + position, count);
  return count;
}

Result<> MemoryFile::grow_allocation(std::uint64_t size) {
  if (size <= allocated_) return {};
  if (size > disk_.file_bytes_max) return system_error(EFBIG);
  const auto growth = size - allocated_;
  const auto used = disk_.used.load();
  const auto capacity = disk_.capacity.load();
  if (used > capacity || growth > capacity - used) return system_error(ENOSPC);
  disk_.used += growth;
  allocated_ = size;
  return {};
}

Result<> MemoryFile::write(std::uint64_t position, std::vector<std::byte> bytes) {
  if (position > disk_.file_bytes_max || bytes.size() > disk_.file_bytes_max - position) return system_error(EFBIG);
  auto outcome = grow_allocation(position + bytes.size());
  if (!outcome) {
    const auto used = disk_.used.load();
    const auto capacity = disk_.capacity.load();
    const auto room_end = allocated_ + (capacity > used ? capacity - used : 0);
    bytes.resize(room_end > position ? room_end - position : 0);
    if (bytes.empty() || !grow_allocation(room_end)) return outcome;
  }
  if (bytes.empty()) return outcome;
  size_ = std::max(size_, position + bytes.size());
  std::memcpy(range_.data() + position, bytes.data(), bytes.size());
  if (tracks_mapped_writes_) {
    written_.resize(size_);
    copy_into(written_, position, bytes);
  }
  unsynced_.push_back({.is_truncation = false, .position = position, .bytes = std::move(bytes)});
  return outcome;
}

Result<> MemoryFile::truncate(std::uint64_t size) {
  if (size > size_) {
    if (const auto grown = grow_allocation(size); !grown) return grown;
  } else {
    collect_mapped_writes();  // they came before
    std::memset(range_.data() + size, 0, size_ - size);
    disk_.used -= allocated_ - size;
    allocated_ = size;
  }
  size_ = size;
  if (tracks_mapped_writes_) written_.resize(size);
  unsynced_.push_back({.is_truncation = true, .position = size, .bytes = {}});
  return {};
}

Result<> MemoryFile::reserve(std::uint64_t size) { return grow_allocation(size); }

void MemoryFile::apply(const Change& change, std::vector<std::byte>& image) {
  if (change.is_truncation) {
    image.resize(change.position);
  } else {
    copy_into(image, change.position, change.bytes);
  }
}

void MemoryFile::sync() {
  collect_mapped_writes();
  for (const auto& change : unsynced_) apply(change, durable_);
  unsynced_.clear();
}

void MemoryFile::forget_unsynced() {
  collect_mapped_writes();
  // The size is metadata, which the journal still holds; the pages are gone.
  std::erase_if(unsynced_, [](const Change& change) { return !change.is_truncation; });
}

void MemoryFile::track_mapped_writes() {
  if (tracks_mapped_writes_) return;
  tracks_mapped_writes_ = true;
  written_.assign(range_.data(), range_.data() + size_);
}

void MemoryFile::collect_mapped_writes() {
  if (!tracks_mapped_writes_) return;
  std::array<std::byte, kSectorBytes> sector;
  for (std::uint64_t position = 0; position < size_; position += kSectorBytes) {
    const auto count = std::min(kSectorBytes, size_ - position);
    snapshot(range_.data() + position, sector.data(), count);
    if (std::memcmp(sector.data(), written_.data() + position, count) == 0) continue;
    std::memcpy(written_.data() + position, sector.data(), count);
    unsynced_.push_back(
        {.is_truncation = false, .position = position, .bytes = {sector.data(), sector.data() + count}});
  }
}

std::vector<std::byte> MemoryFile::survivor(CrashDice& dice) {
  collect_mapped_writes();
  dice.draw_odds();
  auto image = durable_;
  auto size = image.size();
  const auto sizes_kept = dice.kept_prefix(unsynced_.size());  // a journal keeps changes of metadata in order
  LostSectors lost;
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    const auto& change = unsynced_[i];
    const bool size_kept = i < sizes_kept;
    if (!change.is_truncation) {
      keep_some_sectors(image, change.position, change.bytes, lost, dice);
      if (size_kept) size = std::max<std::size_t>(size, change.position + change.bytes.size());
    } else if (size_kept) {
      apply(change, image);
      size = change.position;
    } else {
      // The blocks that it freed are still the file's; new ones written past the cut never became part of it.
      lost.add_from(change.position / kSectorBytes);
    }
  }
  image.resize(size);
  return image;
}

}  // namespace sluice::storage
