#include "broker/raft/entry_log_driver.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

#include "broker/raft/kept_entries_driver.hpp"
#include "broker/raft/log_seal_driver.hpp"
#include "broker/raft/raft_codec.hpp"
#include "protocol/base/assert.hpp"
#include "protocol/base/planted_bug.hpp"
#include "protocol/record/record.hpp"
#include "storage/errc.hpp"
#include "storage/segment/segment_name.hpp"

namespace sluice::broker::raft {
namespace {

constexpr std::size_t kCacheBytes = 8U << 20;  // what followers that are a little behind ask for
constexpr std::size_t kBatchBytes = 1U << 20;  // a larger entry has a batch of its own
constexpr std::size_t kScanBytes = 4U << 20;
std::error_code damaged(std::string_view what) {
  spdlog::error("metadata log is damaged: {}", what);
  return std::make_error_code(std::errc::bad_message);
}
Offset offset_of(LogIndex index) { return Offset{index.value()}; }
LogIndex index_of(Offset offset) { return LogIndex{offset.value()}; }

/// The log of whatever wrote metadata without a quorum begins at offset 0; that of a quorum at 1.
Result<> refuse_foreign_log(storage::FileSystem& fs, const std::string& directory) {
  const auto path = storage::segment_path(directory, Offset{0}, storage::suffix::kLog);
  const auto file = fs.open(path, storage::OpenMode::existing_read_only);
  if (!file) return file.error() == std::errc::no_such_file_or_directory ? Result<>{} : Result<>{file.error()};
  const auto size = (*file)->size();
  if (!size) return size.error();
  if (*size == 0) return {};
  spdlog::critical(
      "the metadata log is not one of a quorum: it was written by an earlier version or by another program, and is "
      "left as it is; start with an empty data directory directory={}",
      directory);
  return std::make_error_code(std::errc::not_supported);
}

Result<> decode_into(const record::BatchView& batch, LogIndex from, std::vector<Entry>& into) {
  record::RecordWalker walker{batch.records(), batch.record_count()};
  while (true) {
    const auto record = walker.next();
    if (!record) return record.error();
    if (!record->has_value()) return {};
    const auto index = index_of(batch.base_offset() + (*record)->offset_delta);
    if (index < from) continue;
    auto entry = (*record)->value ? decode_entry(*(*record)->value) : std::nullopt;
    const bool is_sound = entry && entry->index == index && entry->checksum == checksum_of(*entry) &&
                          entry->term.value() == batch.partition_leader_epoch().value();
    if (!is_sound) return damaged("a record is not an entry");
    into.push_back(std::move(*entry));
  }
}

}  // namespace

Result<std::unique_ptr<EntryLog>> EntryLog::open(storage::FileSystem& fs, const std::string& directory, Timestamp now,
                                                 const storage::LogOptions& options) {
  if (auto ours = refuse_foreign_log(fs, directory); !ours) return ours.error();
  if (const auto seal = take_log_seal(fs, directory)) {
    const auto sizes = sizes_of_last_segment(fs, directory);
    if (sizes && *sizes == seal->sizes) {
      auto entries = open(fs, directory, now, options, Trust::as_closed);
      if (entries && (*entries)->last_index() == seal->last && (*entries)->term(seal->last) == seal->term) {
        return entries;
      }
    }
  }
  return open(fs, directory, now, options, Trust::none);
}

Result<std::unique_ptr<EntryLog>> EntryLog::open(storage::FileSystem& fs, const std::string& directory, Timestamp now,
                                                 const storage::LogOptions& options, Trust trust) {
  storage::LogOpening opening;
  opening.log_start_offset = Offset{1};
  opening.now = now;  // recovery point 0: every batch is checked; snapshots keep the log short
  opening.synced_one_by_one = true;
  opening.keeps_epochs = false;  // entries tell their terms
  opening.clean_shutdown = trust == Trust::as_closed;
  storage::RecoveryReport report;
  std::unique_ptr<EntryLog> entries{new EntryLog{fs}};
  auto log = storage::Log::open(entries->resources_, directory, options, opening, &report);
  if (!log)
    return log.error() == storage::Errc::corrupt_batch ? damaged("a batch is not what was written") : log.error();
  if (report.tail_bytes_cut != 0) {
    spdlog::warn("metadata log had a torn tail; cut it directory={} bytes={}", directory, report.tail_bytes_cut);
  }
  entries->log_ = std::move(*log);
  if (auto finished = entries->finish_cut(now); !finished) return finished.error();
  // What the last process wrote and did not sync is acted upon from here on.
  if (auto synced = entries->log_->sync(); !synced) return synced.error();
  if (auto loaded = entries->load(); !loaded) return loaded.error();
  return entries;
}

Result<> EntryLog::close() {
  if (auto closed = log_->close(); !closed) return closed;
  auto& fs = log_->file_system();
  const auto sizes = sizes_of_last_segment(fs, log_->directory());
  if (!sizes) return sizes.error();
  const auto last = last_index();
  if (last < first_index()) return {};  // its term is not here
  return write_log_seal(fs, log_->directory(), {.last = last, .term = *term(last), .sizes = *sizes});
}

/// A cut that a crash interrupted is done again: harmless whether or not it had come to its end.
Result<> EntryLog::finish_cut(Timestamp now) {
  auto kept = read_kept_entries(log_->file_system(), log_->directory());
  if (!kept) return kept.error();
  if (kept->empty()) return {};
  const auto base = kept->front().index;
  if (log_->log_end_offset() < offset_of(base) || log_->log_start_offset() > offset_of(base)) {
    return damaged("entries that were kept aside do not fit");
  }
  if (auto cut = log_->truncate_to(offset_of(base)); !cut) return cut;
  if (auto back = write_batch(*kept, now); !back) return back;
  return remove_kept_entries(log_->file_system(), log_->directory());
}

/// Reads all of it once: the runs of terms, the latest entries, and whether it is sound.
Result<> EntryLog::load() {
  runs_.clear();
  latest_.clear();
  latest_bytes_ = 0;
  first_ = index_of(log_->log_start_offset());
  last_ = first_ - 1;
  while (last_ < index_of(log_->log_end_offset()) - 1) {
    auto read = this->read(last_ + 1, kScanBytes);
    if (!read) return read.error();
    auto index = last_;
    auto term = runs_.empty() ? kNoTerm : runs_.back().term;
    for (const auto& entry : *read) {
      if (entry.index != index + 1 || entry.term < term) return damaged("entries do not follow each other");
      index = entry.index;
      term = entry.term;
    }
    remember(std::move(*read));
  }
  return {};
}

LogIndex EntryLog::first_index() const {
  const std::lock_guard lock{mutex_};
  return first_;
}

LogIndex EntryLog::last_index() const {
  const std::lock_guard lock{mutex_};
  return last_;
}

std::optional<Term> EntryLog::term(LogIndex index) const {
  const std::lock_guard lock{mutex_};
  if (index > last_) return std::nullopt;
  const auto after = std::ranges::upper_bound(runs_, index, {}, &Run::first);
  if (after == runs_.begin()) return std::nullopt;
  return std::prev(after)->term;
}

Result<std::vector<Entry>> EntryLog::entries(LogIndex first, LogIndex end, std::size_t bytes_max) const {
  const std::lock_guard no_cut{cut_mutex_};
  std::vector<Entry> found;
  std::size_t bytes = 0;
  const auto take = [&](const Entry& entry) {
    bytes += size_of(entry);
    if (entry.index >= end || (!found.empty() && bytes > bytes_max)) return false;
    found.push_back(entry);
    return true;
  };
  {
    const std::lock_guard lock{mutex_};
    end = std::min(end, last_ + 1);
    if (first < first_ || first >= end) return found;
    const auto cached_first = last_ + 1 - static_cast<std::int64_t>(latest_.size());
    if (first >= cached_first) {
      for (auto at = latest_.begin() + (first - cached_first); at != latest_.end() && take(*at);) ++at;
      return found;
    }
  }
  const auto read = this->read(first, bytes_max);
  if (!read) return read.error();
  for (auto at = read->begin(); at != read->end() && take(*at);) ++at;
  return found;
}

/// Whole batches, from the entry `first` on.
Result<std::vector<Entry>> EntryLog::read(LogIndex first, std::size_t bytes_max) const {
  const auto slice = log_->read(offset_of(first), bytes_max, log_->log_end_offset(), true);
  if (!slice) return slice.error();
  std::vector<std::byte> bytes(slice->size);
  if (auto copied = slice->read(bytes); !copied) return copied.error();
  std::vector<Entry> found;
  record::BatchWalker walker{bytes};
  while (const auto batch = walker.next()) {
    if (auto decoded = decode_into(*batch, first, found); !decoded) return decoded.error();
  }
  if (found.empty() || found.front().index != first) return damaged("entries are missing");
  return found;
}

Result<> EntryLog::write(std::vector<Entry> entries, Timestamp now) {
  if (entries.empty()) return {};
  const auto first = entries.front().index;
  SLUICE_ASSERT(first >= first_index() && first <= last_index() + 1, first, first_index(), last_index());
  if (first <= last_index()) {
    if (auto cut = cut_from(first, now); !cut) return cut;
  }
  return append(std::move(entries), now);
}

/// The log can be cut between batches only. What stays of the batch that is cut through was promised to others: it is
/// put aside, durably, until it is back.
Result<> EntryLog::cut_from(LogIndex index, Timestamp now) {
  const std::lock_guard no_reads{cut_mutex_};
  forget_from(index);
  const auto slice = log_->read(offset_of(index), 1, log_->log_end_offset(), true);
  if (!slice) return slice.error();
  std::vector<std::byte> bytes(slice->size);
  if (auto copied = slice->read(bytes); !copied) return copied.error();
  const auto batch = record::BatchView::parse(bytes);
  if (!batch) return damaged("a batch is cut short");
  const auto base = index_of(batch->base_offset());
  if (base == index) return log_->truncate_to(offset_of(index));
  std::vector<Entry> kept;
  if (auto decoded = decode_into(*batch, base, kept); !decoded) return decoded;
  std::erase_if(kept, [&](const Entry& entry) { return entry.index >= index; });
  auto& fs = log_->file_system();
  if (auto aside = write_kept_entries(fs, log_->directory(), kept); !aside) return aside;
  if (auto cut = log_->truncate_to(offset_of(base)); !cut) return cut;
  if (auto back = write_batch(kept, now); !back) return back;
  return remove_kept_entries(fs, log_->directory());
}

/// One batch for as many as have the same term and fit. Each is durable before the next is begun, so that a crash can
/// tear the last one only.
Result<> EntryLog::append(std::vector<Entry> entries, Timestamp now) {
  std::vector<Entry> run;
  std::size_t bytes = 0;
  for (auto& entry : entries) {
    const bool fits = run.empty() || (entry.term == run.back().term && bytes + size_of(entry) <= kBatchBytes);
    if (!fits) {
      if (auto appended = append_run(std::exchange(run, {}), now); !appended) return appended;
      bytes = 0;
    }
    bytes += size_of(entry);
    run.push_back(std::move(entry));
  }
  return append_run(std::move(run), now);
}

Result<> EntryLog::append_run(std::vector<Entry> run, Timestamp now) {
  if (auto written = write_batch(run, now); !written) return written;
  remember(std::move(run));
  return {};
}

Result<> EntryLog::write_batch(const std::vector<Entry>& run, Timestamp now) {
  SLUICE_ASSERT(offset_of(run.front().index) == log_->log_end_offset(), run.front().index, log_->log_end_offset());
  builder_.reset({});
  for (const auto& entry : run) {
    const auto value = encode(entry);
    builder_.append({.timestamp = entry.timestamp, .value = as_byte_view(value)});
  }
  const auto batch = record::MutableBatch::parse(builder_.build());
  SLUICE_ASSERT(batch.has_value(), run.size());
  const LeaderEpoch epoch{static_cast<std::int32_t>(run.front().term.value())};
  if (auto appended = log_->append(*batch, epoch, now); !appended) return appended.error();
  if (!SLUICE_BUG("raft store: entries are not synced")) {
    if (auto synced = log_->sync(); !synced) return synced.error();
  }
  return {};
}

void EntryLog::remember(std::vector<Entry> run) {
  const std::lock_guard lock{mutex_};
  for (auto& entry : run) {
    last_ = entry.index;
    if (runs_.empty() || runs_.back().term != entry.term) runs_.push_back({entry.index, entry.term});
    latest_bytes_ += size_of(entry);
    latest_.push_back(std::move(entry));
  }
  while (latest_bytes_ > kCacheBytes && latest_.size() > 1) {
    latest_bytes_ -= size_of(latest_.front());
    latest_.pop_front();
  }
}

void EntryLog::forget_from(LogIndex index) {
  const std::lock_guard lock{mutex_};
  while (!latest_.empty() && latest_.back().index >= index) {
    latest_bytes_ -= size_of(latest_.back());
    latest_.pop_back();
  }
  while (!runs_.empty() && runs_.back().first >= index) runs_.pop_back();
  last_ = std::min(last_, index - 1);
}

Result<> EntryLog::restart_at(LogIndex first) {
  const std::lock_guard no_reads{cut_mutex_};
  if (auto restarted = log_->truncate_fully_and_start_at(offset_of(first)); !restarted) return restarted;
  const std::lock_guard lock{mutex_};
  runs_.clear();
  latest_.clear();
  latest_bytes_ = 0;
  first_ = first;
  last_ = first - 1;
  return {};
}

Result<> EntryLog::drop_before(LogIndex first, Timestamp now) {
  // The file that is being written never goes: a new one now lets this one go the next time.
  if (auto rolled = log_->roll(now); !rolled) return rolled;
  const std::lock_guard no_reads{cut_mutex_};
  {
    const std::lock_guard lock{mutex_};
    first_ = std::max(first_, std::min(first, last_ + 1));
    const auto after = std::ranges::upper_bound(runs_, first_ - 1, {}, &Run::first);
    if (after != runs_.begin()) runs_.erase(runs_.begin(), std::prev(after));
  }
  if (auto advanced = log_->advance_log_start(offset_of(first_index())); !advanced) return advanced;
  resources_.removals.remove_due(log_->file_system(), now);
  return {};
}

}  // namespace sluice::broker::raft
