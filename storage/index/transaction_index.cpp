#include "storage/index/transaction_index.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

constexpr std::int16_t kVersion = 0;
constexpr std::uint32_t kEntriesPerRead = 120;  // a page

using EntryBytes = std::array<std::byte, TransactionIndex::kEntryBytes>;

void encode(std::byte* to, const AbortedTransaction& entry) {
  store_be(to, kVersion);
  store_be(to + 2, entry.producer_id.value());
  store_be(to + 10, entry.first_offset.value());
  store_be(to + 18, entry.last_offset.value());
  store_be(to + 26, entry.last_stable_offset.value());
}

AbortedTransaction decode(const std::byte* from) {
  return {ProducerId{load_be<std::int64_t>(from + 2)}, Offset{load_be<std::int64_t>(from + 10)},
          Offset{load_be<std::int64_t>(from + 18)}, Offset{load_be<std::int64_t>(from + 26)}};
}

std::vector<std::byte> encode_all(std::span<const AbortedTransaction> entries) {
  std::vector<std::byte> bytes(entries.size() * TransactionIndex::kEntryBytes);
  auto* to = bytes.data();
  for (const auto& entry : entries) {
    encode(to, entry);
    to += TransactionIndex::kEntryBytes;
  }
  return bytes;
}

constexpr std::uint64_t position_of(std::uint32_t entry) {
  return std::uint64_t{entry} * TransactionIndex::kEntryBytes;
}

Result<> read_whole(const File& file, std::uint64_t position, MutableBytes into, ReadMode mode) {
  const auto got = mode == ReadMode::may_wait ? file.read_at(position, into) : file.read_cached_at(position, into);
  if (!got) return got.error();
  if (*got != into.size()) return Errc::corrupt_index;
  return {};
}

bool is_sound(const std::byte* bytes, const AbortedTransaction& previous, Offset base_offset, Offset end) {
  if (load_be<std::int16_t>(bytes) != kVersion) return false;
  const auto entry = decode(bytes);
  return entry.producer_id.value() >= 0 && entry.first_offset >= Offset{0} && entry.first_offset < entry.last_offset &&
         entry.last_offset >= base_offset && entry.last_offset > previous.last_offset && entry.last_offset < end &&
         entry.last_stable_offset >= previous.last_stable_offset && entry.last_stable_offset >= Offset{0} &&
         entry.last_stable_offset <= entry.last_offset + 1;
}

}  // namespace

Result<std::shared_ptr<File>> TransactionIndex::file(OpenMode mode) const {
  const std::lock_guard lock{mutex_};
  if (!file_) {
    auto opened = fs_.open(path_, mode);
    if (!opened) return opened.error();
    file_ = std::move(*opened);
  }
  return file_;
}

Result<> TransactionIndex::load(Offset end) {
  const auto opened = file(OpenMode::existing);
  if (!opened) return opened.error() == std::errc::no_such_file_or_directory ? Result<>{} : opened.error();
  const auto size = (*opened)->size();
  if (!size) return size.error();
  if (*size % kEntryBytes != 0 || *size / kEntryBytes > std::numeric_limits<std::int32_t>::max())
    return Errc::corrupt_index;
  const auto entries = static_cast<std::uint32_t>(*size / kEntryBytes);
  std::array<std::byte, kEntriesPerRead * kEntryBytes> buffer;
  AbortedTransaction previous;
  for (std::uint32_t i = 0; i < entries; i += kEntriesPerRead) {
    const auto some = MutableBytes{buffer}.first(position_of(std::min(kEntriesPerRead, entries - i)));
    if (const auto read = read_whole(**opened, position_of(i), some, ReadMode::may_wait); !read) return read.error();
    for (const auto* at = some.data(); at != some.data() + some.size(); at += kEntryBytes) {
      if (!is_sound(at, previous, base_offset_, end)) return Errc::corrupt_index;
      previous = decode(at);
    }
  }
  written_ = entries;
  publish();
  return {};
}

Result<> TransactionIndex::write(std::span<const AbortedTransaction> entries) {
  const auto opened = file(OpenMode::create);
  if (!opened) return opened.error();
  const auto bytes = encode_all(entries);
  written_ = count();
  if (const auto written = (*opened)->write_at(position_of(written_), ByteView{bytes}); !written)
    return written.error();
  written_ += static_cast<std::uint32_t>(entries.size());
  return {};
}

Result<> TransactionIndex::append(const AbortedTransaction& entry) {
  if (const auto written = write({&entry, 1}); !written) return written.error();
  publish();
  return {};
}

Result<> TransactionIndex::truncate_to(Offset offset) {
  if (count() == 0) return trim();
  const auto opened = file(OpenMode::existing);
  if (!opened) return opened.error();
  const auto kept = first_ending_at(**opened, offset, count(), ReadMode::may_wait);
  if (!kept) return kept.error();
  count_.store(*kept, std::memory_order_release);
  return trim();
}

Result<> TransactionIndex::replace(std::span<const AbortedTransaction> entries) {
  if (entries.empty()) return remove();
  const std::lock_guard lock{mutex_};
  file_.reset();
  const auto bytes = encode_all(entries);
  const std::string_view content{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  if (const auto written = write_file_atomically(fs_, path_, content); !written) return written.error();
  written_ = static_cast<std::uint32_t>(entries.size());
  publish();
  return {};
}

// Markers ascend, so that the first entry that ends at or after `from` is found by halving.
Result<std::uint32_t> TransactionIndex::first_ending_at(const File& file, Offset from, std::uint32_t count,
                                                        ReadMode mode) const {
  std::uint32_t low = 0;
  auto high = count;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    EntryBytes bytes;
    if (const auto read = read_whole(file, position_of(middle), bytes, mode); !read) return read.error();
    if (decode(bytes.data()).last_offset < from) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

Result<AbortsFound> TransactionIndex::collect(Offset from, Offset to, std::vector<AbortedTransaction>& into,
                                              ReadMode mode) const {
  const auto entries = count();
  if (entries == 0) return AbortsFound::so_far;
  const auto opened = file(OpenMode::existing);
  if (!opened) return opened.error();
  const auto first = first_ending_at(**opened, from, entries, mode);
  if (!first) return first.error();
  std::array<std::byte, kEntriesPerRead * kEntryBytes> buffer;
  for (auto i = *first; i < entries; i += kEntriesPerRead) {
    const auto some = MutableBytes{buffer}.first(position_of(std::min(kEntriesPerRead, entries - i)));
    if (const auto read = read_whole(**opened, position_of(i), some, mode); !read) return read.error();
    for (const auto* at = some.data(); at != some.data() + some.size(); at += kEntryBytes) {
      const auto entry = decode(at);
      if (entry.first_offset < to) into.push_back(entry);
      if (entry.last_stable_offset >= to) return AbortsFound::all;  // what is below was decided by then
    }
  }
  return AbortsFound::so_far;
}

Result<> TransactionIndex::trim() {
  const auto opened = file(OpenMode::existing);
  if (!opened) return opened.error() == std::errc::no_such_file_or_directory ? Result<>{} : opened.error();
  written_ = count();
  const auto size = (*opened)->size();
  if (!size) return size.error();
  if (*size <= position_of(written_)) return {};
  if (const auto cut = (*opened)->truncate(position_of(written_)); !cut) return cut.error();
  return (*opened)->sync_data();
}

Result<> TransactionIndex::sync() {
  const auto opened = file(OpenMode::existing);
  if (!opened) return opened.error() == std::errc::no_such_file_or_directory ? Result<>{} : opened.error();
  return (*opened)->sync_data();
}

void TransactionIndex::park() noexcept {
  const std::lock_guard lock{mutex_};
  file_.reset();
}

Result<> TransactionIndex::remove() {
  const std::lock_guard lock{mutex_};
  file_.reset();
  written_ = 0;
  count_.store(0, std::memory_order_release);
  return fs_.remove(path_);
}

Result<> TransactionIndex::rename_to(std::string path) {
  const std::lock_guard lock{mutex_};
  const auto renamed = fs_.rename(path_, path);
  if (!renamed && renamed.error() != std::errc::no_such_file_or_directory) return renamed.error();
  path_ = std::move(path);
  return {};
}

}  // namespace sluice::storage
