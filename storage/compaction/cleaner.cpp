#include "storage/compaction/cleaner.hpp"

#include <algorithm>

#include "storage/compaction/cleaned_segment.hpp"
#include "storage/compaction/segment_groups.hpp"
#include "storage/errc.hpp"
#include "storage/log/log.hpp"
#include "storage/segment/batch_reader.hpp"
#include "storage/segment/segment.hpp"

namespace sluice::storage {

/// One pass over one log.
class Cleaner::Pass {
 public:
  Pass(Cleaner& cleaner, Log& log, const CleanRequest& request, Timestamp now, const Throttle& throttle)
      : cleaner_(cleaner),
        log_(log),
        request_(request),
        now_(now),
        throttle_(throttle),
        options_(log.options()),
        map_({.bytes_max = request.map_bytes_max,
              .load_factor = request.map_load_factor,
              .first_offset = request.first_dirty,
              .keys_max = static_cast<std::uint64_t>(std::max<std::int64_t>(request.end - request.first_dirty, 1))}) {}

  Result<CleanReport> run();

 private:
  Result<> choose_segments();
  Result<> map_keys();
  Result<bool> map_segment(const Segment& segment, TransactionFilter& transactions);
  Result<bool> map_batch(const record::BatchView& batch);
  Result<> rewrite();
  Result<> clean_group(const Segments& group, TransactionFilter& transactions);
  Result<> clean_segment(const Segments& group, std::size_t index, BatchCleaner& batches,
                         std::unique_ptr<CleanedSegment>& cleaned);
  Result<> copy_front(const Segment& segment, std::uint32_t bytes, CleanedSegment& cleaned);
  Result<std::unique_ptr<CleanedSegment>> begin_output(Offset base_offset);
  Result<std::optional<record::BatchView>> read(BatchReader& reader);
  Result<> put(CleanedSegment& cleaned, const record::BatchView& batch);
  Result<> account(std::uint64_t bytes);
  Result<TransactionFilter> transactions(Offset from) const;

  Cleaner& cleaner_;
  Log& log_;
  const CleanRequest& request_;
  const Timestamp now_;
  const Throttle& throttle_;
  const LogOptions options_;
  Segments segments_;  // sealed, below the request's end
  Offset segments_end_{0};
  KeyOffsetMap map_;
  Offset mapped_until_{0};
  struct Pending {
    KeyHash hash;
    Offset offset;
  };
  std::vector<Pending> pending_;
  std::vector<AbortedTransaction> aborted_;  // of the group, whose markers stay
  std::uint64_t unthrottled_bytes_ = 0;
  CleanReport report_;
};

Result<CleanReport> Cleaner::clean(Log& log, const CleanRequest& request, Timestamp now, const Throttle& throttle) {
  return Pass{*this, log, request, now, throttle}.run();
}

Result<CleanReport> Cleaner::Pass::run() {
  // A value must not give way to a later one that a power failure may still take, nor a transaction to a marker: that
  // may lie past the request's end.
  if (log_.synced_end_offset() < log_.log_end_offset()) {
    if (const auto synced = log_.sync(); !synced) return synced.error();
  }
  if (const auto chosen = choose_segments(); !chosen) return chosen.error();
  mapped_until_ = report_.next_dirty = request_.first_dirty;
  if (segments_.empty()) return report_;
  if (const auto mapped = map_keys(); !mapped) return mapped.error();
  if (mapped_until_ > request_.first_dirty) {
    if (const auto rewritten = rewrite(); !rewritten) return rewritten.error();
  }
  report_.next_dirty = mapped_until_;
  report_.keys = map_.size();
  return report_;
}

Result<> Cleaner::Pass::choose_segments() {
  for (auto& segment : log_.sealed_segments()) {
    if (segment->end().next_offset > request_.end) break;
    segments_end_ = segment->end().next_offset;
    segments_.push_back(std::move(segment));
  }
  return {};
}

Result<TransactionFilter> Cleaner::Pass::transactions(Offset from) const {
  const auto aborted = log_.aborted_transactions(from, segments_end_);
  if (!aborted) return aborted.error();
  return TransactionFilter{*aborted};
}

Result<> Cleaner::Pass::map_keys() {
  auto filter = transactions(request_.first_dirty);
  if (!filter) return filter.error();
  for (const auto& segment : segments_) {
    if (segment->end().next_offset <= request_.first_dirty) continue;
    const auto room = map_segment(*segment, *filter);
    if (!room) return room.error();
    if (!*room) return {};
    mapped_until_ = std::max(mapped_until_, segment->end().next_offset);
  }
  return {};
}

/// False when the map is full: mapped_until_ is then the first record that is not in it.
Result<bool> Cleaner::Pass::map_segment(const Segment& segment, TransactionFilter& filter) {
  BatchReader reader{segment.file(), 0, segment.size()};
  while (true) {
    const auto batch = read(reader);
    if (!batch) return {boost::system::in_place_error, batch.error()};
    if (!*batch) return true;
    if ((*batch)->last_offset() < request_.first_dirty) continue;
    if ((*batch)->is_control()) {
      static_cast<void>(filter.is_marker_obsolete(**batch));
    } else if (!filter.is_aborted(**batch)) {
      const auto room = map_batch(**batch);
      if (!room || !*room) return room;
    }
    mapped_until_ = (*batch)->next_offset();
  }
}

Result<bool> Cleaner::Pass::map_batch(const record::BatchView& batch) {
  const auto plain = cleaner_.unpacker_.unpack(batch);
  if (!plain) return {boost::system::in_place_error, plain.error()};
  pending_.clear();
  PlainRecordWalker walker{*plain, batch};
  while (true) {
    const auto record = walker.next();
    if (!record) return {boost::system::in_place_error, record.error()};
    if (!*record) break;
    const auto offset = batch.base_offset() + (*record)->offset_delta;
    if (!(*record)->key || offset < request_.first_dirty) continue;
    pending_.push_back({hash_key(*(*record)->key, request_.secret), offset});
    map_.prefetch(pending_.back().hash);
  }
  for (const auto& [hash, offset] : pending_) {
    if (map_.put(hash, offset)) continue;
    mapped_until_ = offset;
    return false;
  }
  return true;
}

Result<> Cleaner::Pass::rewrite() {
  // Segments that begin past what is mapped have nothing to lose.
  std::erase_if(segments_, [&](const auto& segment) { return segment->base_offset() >= mapped_until_; });
  auto filter = transactions(segments_.front()->base_offset());
  if (!filter) return filter.error();
  std::vector<CleanableSegment> sizes;
  for (const auto& segment : segments_) {
    const auto end = segment->end();
    sizes.push_back({.base_offset = segment->base_offset(), .next_offset = end.next_offset, .size_bytes = end.size});
    report_.bytes_before += end.size;
  }
  report_.segments_before = segments_.size();
  auto from = segments_.begin();
  for (const auto count :
       group_segments(sizes, {options_.segment_bytes, options_.segment_index_bytes, options_.index_interval_bytes})) {
    const auto until = from + static_cast<std::ptrdiff_t>(count);
    if (const auto cleaned = clean_group({from, until}, *filter); !cleaned) return cleaned.error();
    from = until;
  }
  return {};
}

// The output begins with the first change; a group of several changes by being one.
Result<> Cleaner::Pass::clean_group(const Segments& group, TransactionFilter& filter) {
  const auto producers = log_.producer_ends();
  const CleaningView view{.last_offsets = map_,
                          .mapped_until = mapped_until_,
                          .secret = request_.secret,
                          .producers = producers,
                          .now = now_,
                          .delete_retention = request_.delete_retention};
  BatchCleaner batches{view, filter, cleaner_.unpacker_, cleaner_.compressor_};
  aborted_.clear();
  std::unique_ptr<CleanedSegment> cleaned;
  if (group.size() > 1) {
    auto begun = begin_output(group.front()->base_offset());
    if (!begun) return begun.error();
    cleaned = std::move(*begun);
  }
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (const auto done = clean_segment(group, i, batches, cleaned); !done) return done.error();
  }
  report_.records_after += batches.records_kept();
  ++report_.segments_after;
  if (!cleaned) {
    report_.bytes_after += group.front()->size();
    return {};
  }
  if (const auto finished = cleaned->finish(aborted_); !finished) return finished.error();
  report_.bytes_after += cleaned->size();
  return log_.replace_segments(group, *cleaned, now_);
}

Result<> Cleaner::Pass::clean_segment(const Segments& group, std::size_t index, BatchCleaner& batches,
                                      std::unique_ptr<CleanedSegment>& cleaned) {
  const auto& segment = *group[index];
  const auto size = segment.size();
  BatchReader reader{segment.file(), 0, size};
  while (true) {
    const auto position = reader.position();
    const auto batch = read(reader);
    if (!batch) return batch.error();
    if (!*batch) return {};
    report_.records_before += static_cast<std::uint64_t>(std::max((*batch)->record_count(), 0));
    const bool last_of_group = index + 1 == group.size() && reader.position() == size;
    const auto left = batches.clean(**batch, last_of_group);
    if (!left) return left.error();
    if ((*batch)->is_control() && batches.just_aborted()) aborted_.push_back(*batches.just_aborted());
    if (!cleaned) {
      if (left->data() == (*batch)->bytes().data()) continue;
      auto begun = begin_output(segment.base_offset());
      if (!begun) return begun.error();
      cleaned = std::move(*begun);
      if (const auto copied = copy_front(segment, position, *cleaned); !copied) return copied.error();
    }
    if (left->empty()) continue;
    if (const auto written = put(*cleaned, *record::BatchView::parse(*left)); !written) return written.error();
  }
}

Result<> Cleaner::Pass::copy_front(const Segment& segment, std::uint32_t bytes, CleanedSegment& cleaned) {
  BatchReader reader{segment.file(), 0, bytes};
  while (true) {
    const auto batch = read(reader);
    if (!batch) return batch.error();
    if (!*batch) return {};
    if (const auto written = put(cleaned, **batch); !written) return written.error();
  }
}

Result<std::unique_ptr<CleanedSegment>> Cleaner::Pass::begin_output(Offset base_offset) {
  return CleanedSegment::create(log_.file_system(), log_.directory(), base_offset, options_, request_.io_buffer_bytes);
}

// What is damaged must not decide what goes, nor be copied as if it were sound.
Result<std::optional<record::BatchView>> Cleaner::Pass::read(BatchReader& reader) {
  auto batch = reader.next();
  if (!batch || !*batch) return batch;
  if (!(*batch)->crc_matches()) return Errc::corrupt_batch;
  report_.bytes_read += (*batch)->size();
  if (const auto paid = account((*batch)->size()); !paid) return paid.error();
  return batch;
}

Result<> Cleaner::Pass::put(CleanedSegment& cleaned, const record::BatchView& batch) {
  if (const auto written = cleaned.append(batch); !written) return written.error();
  report_.bytes_written += batch.size();
  return account(batch.size());
}

Result<> Cleaner::Pass::account(std::uint64_t bytes) {
  unthrottled_bytes_ += bytes;
  if (unthrottled_bytes_ < request_.io_buffer_bytes || !throttle_) return {};
  return throttle_(std::exchange(unthrottled_bytes_, 0));
}

}  // namespace sluice::storage
