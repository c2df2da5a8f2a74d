#include <algorithm>
#include <array>

#include "storage/log/log_state.hpp"
#include "storage/log/recovery.hpp"
#include "storage/segment/header_walker.hpp"
#include "storage/segment/segment_name.hpp"

// What a crash left of a replacement of segments (Log::replace_segments, and Kafka's): finished, or taken back.

namespace sluice::storage {
namespace {

constexpr std::array kIndexSuffixes{suffix::kOffsetIndex, suffix::kTimeIndex, suffix::kTransactionIndex};

class SwapRecovery {
 public:
  SwapRecovery(FileSystem& fs, const std::string& directory) : fs_(fs), directory_(directory) {}

  Result<> run();

 private:
  std::vector<Offset> named(std::string_view suffix) const;
  bool is_there(Offset base_offset, std::string_view suffix) const;
  Result<> remove(Offset base_offset, std::string_view suffix);
  Result<> take_back(Offset base_offset);
  Result<> finish(Offset base_offset);
  Result<Offset> reach(Offset base_offset) const;

  FileSystem& fs_;
  const std::string& directory_;
  std::vector<DirectoryEntry> entries_;
};

std::string joined(std::string_view suffix, std::string_view state) { return std::string{suffix} + std::string{state}; }

Result<> SwapRecovery::run() {
  auto listed = fs_.list(directory_);
  if (!listed) return listed.error();
  entries_ = std::move(*listed);
  const bool swapping = std::any_of(entries_.begin(), entries_.end(),
                                    [](const auto& entry) { return entry.name.ends_with(suffix::kSwap); });
  if (!swapping) return {};
  const auto cleaned = named(joined(suffix::kLog, suffix::kCleaned));
  for (const auto base_offset : named(joined(suffix::kLog, suffix::kSwap))) {
    // KAFKA-6264: where several outputs replace one segment, the lowest gets its `.swap` name last. Before that
    // nothing was removed.
    const bool incomplete = !cleaned.empty() && cleaned.front() <= base_offset;
    const auto done = incomplete ? take_back(base_offset) : finish(base_offset);
    if (!done) return done.error();
  }
  for (const auto& suffix : kIndexSuffixes) {
    for (const auto base_offset : named(joined(suffix, suffix::kSwap))) {
      if (const auto removed = remove(base_offset, joined(suffix, suffix::kSwap)); !removed) return removed.error();
    }
  }
  return fs_.sync_directory(directory_);
}

// Ascending, as the entries are.
std::vector<Offset> SwapRecovery::named(std::string_view suffix) const {
  std::vector<Offset> base_offsets;
  for (const auto& entry : entries_) {
    const auto base_offset = parse_segment_name(entry.name, suffix);
    if (base_offset && !entry.is_directory) base_offsets.push_back(*base_offset);
  }
  return base_offsets;
}

bool SwapRecovery::is_there(Offset base_offset, std::string_view suffix) const {
  const auto all = named(suffix);
  return std::find(all.begin(), all.end(), base_offset) != all.end();
}

Result<> SwapRecovery::remove(Offset base_offset, std::string_view suffix) {
  return fs_.remove(segment_path(directory_, base_offset, suffix));
}

Result<> SwapRecovery::take_back(Offset base_offset) {
  return remove(base_offset, joined(suffix::kLog, suffix::kSwap));  // its indexes are leftovers from then on
}

// The old segments that the new one covers go first, durably; then it takes its name, the `.log` last.
Result<> SwapRecovery::finish(Offset base_offset) {
  const auto end_offset = reach(base_offset);
  if (!end_offset) return end_offset.error();
  // Without an old `.log` and with its own index in place, what bears the names of indexes are the new ones.
  const bool begun =
      !is_there(base_offset, suffix::kLog) && !is_there(base_offset, joined(suffix::kOffsetIndex, suffix::kSwap));
  for (const auto old : named(suffix::kLog)) {
    if (old < base_offset || old >= std::max(*end_offset, base_offset + 1)) continue;
    if (const auto removed = remove(old, suffix::kLog); !removed) return removed.error();
    for (const auto& suffix : kIndexSuffixes) {
      if (const auto removed = remove(old, suffix); !removed) return removed.error();
    }
  }
  for (const auto& suffix : kIndexSuffixes) {
    if (begun) break;
    if (const auto removed = remove(base_offset, suffix); !removed) return removed.error();
  }
  if (const auto synced = fs_.sync_directory(directory_); !synced) return synced.error();
  for (const auto& suffix : {suffix::kOffsetIndex, suffix::kTimeIndex, suffix::kTransactionIndex, suffix::kLog}) {
    if (!is_there(base_offset, joined(suffix, suffix::kSwap))) continue;
    const auto path = segment_path(directory_, base_offset, suffix);
    if (const auto renamed = fs_.rename(path + std::string{suffix::kSwap}, path); !renamed) return renamed.error();
  }
  return fs_.sync_directory(directory_);
}

// It was synced before it got its name, so all of it is there.
Result<Offset> SwapRecovery::reach(Offset base_offset) const {
  const SegmentFile file{fs_, segment_path(directory_, base_offset, joined(suffix::kLog, suffix::kSwap))};
  const auto opened = file.open();
  if (!opened) return opened.error();
  const auto size = (*opened)->size();
  if (!size) return size.error();
  if (*size > std::numeric_limits<std::int32_t>::max()) return Errc::corrupt_batch;
  auto end_offset = base_offset;
  HeaderWalker walker{file, 0, static_cast<std::uint32_t>(*size)};
  while (true) {
    const auto step = walker.next();
    if (!step) return step.error();
    if (!*step) return end_offset;
    end_offset = (*step)->header.next_offset();
  }
}

}  // namespace

Result<> Log::Recovery::recover_swap() { return SwapRecovery{log_.fs_, log_.directory_}.run(); }

}  // namespace sluice::storage
