#include "storage/compaction/cleaned_segment.hpp"

#include <array>
#include <limits>

#include "storage/index/offset_index.hpp"
#include "storage/segment/segment_name.hpp"

namespace sluice::storage {
namespace {

std::string cleaned_path(const std::string& directory, Offset base_offset, std::string_view suffix) {
  return segment_path(directory, base_offset, suffix) + std::string{suffix::kCleaned};
}

constexpr std::array kSuffixes{suffix::kLog, suffix::kOffsetIndex, suffix::kTimeIndex, suffix::kTransactionIndex};

}  // namespace

CleanedSegment::CleanedSegment(FileSystem& fs, const std::string& directory, Offset base_offset,
                               const LogOptions& options, std::size_t buffer_bytes)
    : fs_(fs),
      directory_(directory),
      base_offset_(base_offset),
      index_interval_bytes_(options.index_interval_bytes),
      index_bytes_(options.segment_index_bytes),
      buffer_bytes_(buffer_bytes),
      largest_{kNoTimestamp, base_offset} {
  buffer_.reserve(buffer_bytes_);
}

Result<std::unique_ptr<CleanedSegment>> CleanedSegment::create(FileSystem& fs, const std::string& directory,
                                                               Offset base_offset, const LogOptions& options,
                                                               std::size_t buffer_bytes) {
  std::unique_ptr<CleanedSegment> cleaned{new CleanedSegment{fs, directory, base_offset, options, buffer_bytes}};
  auto file = fs.open(cleaned_path(directory, base_offset, suffix::kLog), OpenMode::create);
  if (!file) return file.error();
  cleaned->file_ = std::move(*file);
  if (const auto emptied = cleaned->file_->truncate(0); !emptied) return emptied.error();
  return cleaned;
}

CleanedSegment::~CleanedSegment() {
  if (handed_over_) return;
  // What can't be removed is found by its name at the next start.
  for (const auto& suffix : kSuffixes) static_cast<void>(fs_.remove(cleaned_path(directory_, base_offset_, suffix)));
}

Result<> CleanedSegment::append(const record::BatchView& batch) {
  if (size_ + batch.size() > std::numeric_limits<std::int32_t>::max())
    return std::make_error_code(std::errc::file_too_large);
  if (buffer_.size() + batch.size() > buffer_bytes_) {
    if (const auto flushed = flush(); !flushed) return flushed.error();
  }
  index(batch);
  const auto bytes = batch.bytes();
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  size_ += bytes.size();
  return {};
}

// As Segment does it: the entry that is due goes to the batch about to be appended.
void CleanedSegment::index(const record::BatchView& batch) {
  if (batch.max_timestamp() > largest_.timestamp) largest_ = {batch.max_timestamp(), batch.last_offset()};
  const bool room = offset_entries_.size() + OffsetIndex::kEntryBytes <= index_bytes_ &&
                    time_entries_.size() + 2 * TimeIndex::kEntryBytes <= index_bytes_;
  if (bytes_since_entry_ > index_interval_bytes_ && room) {
    std::array<std::byte, OffsetIndex::kEntryBytes> entry;
    store_be(entry.data(), static_cast<std::int32_t>(batch.last_offset() - base_offset_));
    store_be(entry.data() + 4, static_cast<std::int32_t>(size_));
    offset_entries_.insert(offset_entries_.end(), entry.begin(), entry.end());
    add_time_entry();
    bytes_since_entry_ = 0;
  }
  bytes_since_entry_ += batch.size();
}

void CleanedSegment::add_time_entry() {
  if (largest_.timestamp <= indexed_timestamp_) return;
  std::array<std::byte, TimeIndex::kEntryBytes> entry;
  store_be(entry.data(), largest_.timestamp.value());
  store_be(entry.data() + 8, static_cast<std::int32_t>(largest_.offset - base_offset_));
  time_entries_.insert(time_entries_.end(), entry.begin(), entry.end());
  indexed_timestamp_ = largest_.timestamp;
}

Result<> CleanedSegment::flush() {
  if (buffer_.empty()) return {};
  if (const auto written = file_->write_at(size_ - buffer_.size(), ByteView{buffer_}); !written) return written.error();
  buffer_.clear();
  return {};
}

Result<> CleanedSegment::finish(const std::vector<AbortedTransaction>& aborted) {
  if (const auto flushed = flush(); !flushed) return flushed.error();
  if (const auto synced = file_->sync_data(); !synced) return synced.error();
  if (size_ > 0) add_time_entry();
  if (const auto written = write_index(suffix::kOffsetIndex, offset_entries_); !written) return written.error();
  if (const auto written = write_index(suffix::kTimeIndex, time_entries_); !written) return written.error();
  const auto transactions = cleaned_path(directory_, base_offset_, suffix::kTransactionIndex);
  has_aborted_transactions_ = !aborted.empty();
  if (aborted.empty()) return fs_.remove(transactions);
  TransactionIndex index{fs_, transactions, base_offset_};
  return index.replace(aborted);
}

Result<> CleanedSegment::write_index(std::string_view suffix, const std::vector<std::byte>& entries) {
  auto file = fs_.open(cleaned_path(directory_, base_offset_, suffix), OpenMode::create);
  if (!file) return file.error();
  if (const auto emptied = (*file)->truncate(0); !emptied) return emptied.error();
  if (!entries.empty()) {
    if (const auto written = (*file)->write_at(0, ByteView{entries}); !written) return written.error();
  }
  return (*file)->sync_data();
}

}  // namespace sluice::storage
