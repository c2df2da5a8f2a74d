#include "storage/wal/recovery.hpp"

#include <algorithm>

#include "storage/segment/segment_name.hpp"
#include "storage/wal/batch_codec.hpp"
#include "storage/wal/segment_window.hpp"

namespace sluice::storage::wal {
namespace {

/// One pass over the segments of a log.
class Replay {
 public:
  Replay(FileSystem& fs, const std::string& directory) : fs_(fs), directory_(directory) {}

  Result<Replayed> run() {
    if (const auto listed = list_segments(); !listed) return listed.error();
    for (std::size_t i = 0; i < base_offsets_.size() && !replayed_.torn; ++i) {
      if (i == 0) replayed_.end_offset = base_offsets_[0];
      if (const auto read = read_segment(i); !read) return read.error();
    }
    replayed_.durable_end = std::min(replayed_.durable_end, replayed_.end_offset);
    return std::move(replayed_);
  }

 private:
  Result<> list_segments() {
    const auto exists = fs_.exists(directory_);
    if (!exists) return exists.error();
    if (!*exists) return {};
    const auto entries = fs_.list(directory_);
    if (!entries) return entries.error();
    for (const auto& entry : *entries) {
      const auto base_offset = parse_segment_name(entry.name, suffix::kLog);
      if (base_offset && !entry.is_directory) base_offsets_.push_back(*base_offset);
    }
    std::sort(base_offsets_.begin(), base_offsets_.end());
    return {};
  }

  Result<SegmentWindow> open(std::size_t index) {
    return SegmentWindow::open(fs_, segment_path(directory_, base_offsets_[index], suffix::kLog));
  }

  Result<> read_segment(std::size_t index) {
    auto window = open(index);
    if (!window) return window.error();
    if (base_offsets_[index] != replayed_.end_offset) return refuse_if_durable(index, std::move(*window));
    while (!window->at_end()) {
      const auto batch = window->batch();
      if (!batch) return batch.error();
      // Neither base offset nor leader epoch is under the CRC. Batches follow each other without a gap; none has an
      // epoch.
      const bool follows = *batch && (*batch)->base_offset() == replayed_.end_offset &&
                           (*batch)->partition_leader_epoch() == kNoLeaderEpoch;
      if (!follows) return refuse_if_durable(index, std::move(*window));
      const auto position = replayed_.bytes;
      replayed_.bytes += (*batch)->size();
      if (const auto taken = take(**batch, position); !taken) return taken.error();
      window->skip((*batch)->size());
    }
    return {};
  }

  Result<> take(const record::BatchView& batch, std::uint64_t position) {
    BatchDecoder decoder{batch};
    replayed_.ends_synced = false;
    while (true) {
      const auto item = decoder.next();
      if (!item) return item.error();
      if (!*item) break;
      replay(**item, batch.base_offset(), position);
    }
    replayed_.end_offset = batch.next_offset();
    return {};
  }

  void replay(const Item& item, Offset offset, std::uint64_t position) {
    replayed_.durable_end = std::max(replayed_.durable_end, std::min(item.durable_end, offset));
    if (item.kind == RunKind::synced) {
      replayed_.ends_synced = item.durable_end == offset;
      return;
    }
    auto& units = replayed_.units;
    auto& state = units.get(item.unit);
    switch (item.kind) {
      case RunKind::entries: return units.on_entries(state, {item.sequence, item.sequence + 1}, offset, position);
      case RunKind::mark: return units.on_mark(state, item.sequence, offset);
      case RunKind::carried: return units.on_carried(state, item.sequence, item.deleted_up_to, offset);
      case RunKind::synced: return;
    }
  }

  // What is unsound may be a torn tail, unless a batch behind it was written when the sound part's end was durable.
  Result<> refuse_if_durable(std::size_t index, SegmentWindow window) {
    replayed_.torn = true;
    if (replayed_.durable_end > replayed_.end_offset) return Errc::corrupt;
    while (true) {
      while (!window.at_end()) {
        const auto batch = window.batch();
        if (!batch) return batch.error();
        if (*batch && was_durable_before(**batch)) return Errc::corrupt;
        if (const auto sought = window.seek_header(); !sought) return sought.error();
      }
      if (++index == base_offsets_.size()) return {};
      auto next = open(index);
      if (!next) return next.error();
      window = std::move(*next);
    }
  }

  bool was_durable_before(const record::BatchView& batch) const {
    BatchDecoder decoder{batch};
    const auto item = decoder.next();
    return item && *item && (*item)->durable_end > replayed_.end_offset;
  }

  FileSystem& fs_;
  const std::string& directory_;
  std::vector<Offset> base_offsets_;
  Replayed replayed_;
};

}  // namespace

Result<Replayed> replay_log(FileSystem& fs, const std::string& directory) { return Replay{fs, directory}.run(); }

}  // namespace sluice::storage::wal
