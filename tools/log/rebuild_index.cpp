#include "tools/log/rebuild_index.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "storage/errc.hpp"
#include "storage/index/offset_index.hpp"
#include "storage/index/time_index.hpp"
#include "storage/integrity/batch_scan.hpp"
#include "storage/segment/segment_name.hpp"
#include "tools/log/directory_contents.hpp"
#include "tools/log/dump.hpp"

namespace sluice::tools {
namespace {

/// The entries of both indexes of one segment, by Kafka's rule: one when more than the interval was written since the
/// last, for the batch about to be written; of the times the largest so far, and a last one at the end.
class IndexBuilder {
 public:
  IndexBuilder(Offset base_offset, std::uint32_t interval_bytes) : base_(base_offset), interval_(interval_bytes) {}

  void add(const record::BatchView& batch, std::uint32_t position) {
    if (batch.max_timestamp() > largest_) {
      largest_ = batch.max_timestamp();
      largest_at_ = batch.last_offset();
    }
    if (since_entry_ > interval_) {
      put<std::int32_t>(offsets_, static_cast<std::int32_t>(batch.last_offset() - base_));
      put<std::uint32_t>(offsets_, position);
      add_time();
      since_entry_ = 0;
    }
    since_entry_ += batch.size();
  }
  void finish() { add_time(); }

  const std::string& offsets() const noexcept { return offsets_; }
  const std::string& times() const noexcept { return times_; }

 private:
  template <class T>
  static void put(std::string& into, T value) {
    std::array<std::byte, sizeof(T)> bytes;
    store_be(bytes.data(), value);
    into.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void add_time() {
    if (largest_ <= noted_) return;
    put<std::int64_t>(times_, largest_.value());
    put<std::int32_t>(times_, static_cast<std::int32_t>(largest_at_ - base_));
    noted_ = largest_;
  }

  Offset base_;
  std::uint64_t interval_;
  std::uint64_t since_entry_ = 0;
  Timestamp largest_ = kNoTimestamp;
  Offset largest_at_ = kNoOffset;
  Timestamp noted_ = kNoTimestamp;
  std::string offsets_;
  std::string times_;
};

/// Without the zeros that a broker which did not stop cleanly leaves behind the entries.
std::string without_padding(std::string content, std::size_t entry_bytes) {
  const auto last = content.find_last_not_of('\0');
  const auto used = last == std::string::npos ? 0 : last + 1;
  content.resize(std::min(content.size(), (used + entry_bytes - 1) / entry_bytes * entry_bytes));
  return content;
}

class SegmentRebuild {
 public:
  SegmentRebuild(storage::FileSystem& fs, std::string directory, Offset base_offset, std::optional<Offset> next_base)
      : fs_(fs), directory_(std::move(directory)), base_offset_(base_offset), next_base_(next_base) {}

  Outcome<> run(const RebuildOptions& options, const std::function<void(const RebuiltIndex&)>& on_file,
                const std::function<void(std::uint64_t)>& on_bytes);

 private:
  Outcome<> scan(IndexBuilder& builder, const std::function<void(std::uint64_t)>& on_bytes);
  Outcome<> replace(std::string_view suffix, const std::string& content, std::size_t entry_bytes,
                    const std::function<void(const RebuiltIndex&)>& on_file);

  storage::FileSystem& fs_;
  std::string directory_;
  Offset base_offset_;
  std::optional<Offset> next_base_;
  std::uint64_t damaged_bytes_ = 0;
};

Outcome<> SegmentRebuild::run(const RebuildOptions& options, const std::function<void(const RebuiltIndex&)>& on_file,
                              const std::function<void(std::uint64_t)>& on_bytes) {
  IndexBuilder builder{base_offset_, options.index_interval_bytes};
  if (const auto scanned = scan(builder, on_bytes); !scanned) return scanned;
  builder.finish();
  const auto offsets =
      replace(storage::suffix::kOffsetIndex, builder.offsets(), storage::OffsetIndex::kEntryBytes, on_file);
  if (!offsets) return offsets;
  return replace(storage::suffix::kTimeIndex, builder.times(), storage::TimeIndex::kEntryBytes, on_file);
}

Outcome<> SegmentRebuild::scan(IndexBuilder& builder, const std::function<void(std::uint64_t)>& on_bytes) {
  const auto path = storage::segment_path(directory_, base_offset_, storage::suffix::kLog);
  const auto file = fs_.open(path, storage::OpenMode::existing_read_only);
  if (!file) return file_failure(path, file.error());
  const auto size = (*file)->size();
  if (!size) return file_failure(path, size.error());
  if (*size > std::numeric_limits<std::int32_t>::max())
    return file_failure(path, std::make_error_code(std::errc::file_too_large));
  // As far as an index can name it.
  const auto reach = base_offset_.value() + std::int64_t{std::numeric_limits<std::int32_t>::max()};
  storage::BatchScan scan{**file,
                          {.position = 0,
                           .end = static_cast<std::uint32_t>(*size),
                           .expected = base_offset_,
                           .limit = next_base_.value_or(Offset{reach})}};
  while (true) {
    const auto position = scan.position();
    const auto batch = scan.next();
    if (batch && !*batch) return {};
    if (batch) {
      builder.add(**batch, position);
    } else {
      if (batch.error() != storage::Errc::corrupt_batch) return file_failure(path, batch.error());
      if (const auto skipped = scan.skip_damage(); !skipped) return file_failure(path, skipped.error());
      damaged_bytes_ += scan.position() - position;
    }
    on_bytes(scan.position() - position);
  }
}

Outcome<> SegmentRebuild::replace(std::string_view suffix, const std::string& content, std::size_t entry_bytes,
                                  const std::function<void(const RebuiltIndex&)>& on_file) {
  RebuiltIndex result{.file = storage::segment_path(directory_, base_offset_, suffix),
                      .entries = content.size() / entry_bytes,
                      .damaged_bytes = damaged_bytes_};
  const auto present = storage::read_file(fs_, result.file);
  result.was_missing = !present && present.error() == std::errc::no_such_file_or_directory;
  if (!present && !result.was_missing) return file_failure(result.file, present.error());
  const auto before = present ? without_padding(*present, entry_bytes) : std::string{};
  result.entries_before = before.size() / entry_bytes;
  result.changed = result.was_missing || before != content;
  if (result.changed) {
    if (const auto written = storage::write_file_atomically(fs_, result.file, content); !written)
      return file_failure(result.file, written.error());
  }
  on_file(result);
  return {};
}

}  // namespace

Outcome<> rebuild_indexes(storage::FileSystem& fs, const std::string& directory, const RebuildOptions& options,
                          const std::function<void(const RebuiltIndex&)>& on_file,
                          const std::function<void(std::uint64_t)>& on_bytes) {
  const auto contents = look_into(fs, directory);
  if (!contents) return contents.error();
  for (const auto& partition : contents->partitions) {
    const auto entries = fs.list(partition);
    if (!entries) return file_failure(partition, entries.error());
    std::vector<Offset> bases;
    for (const auto& entry : *entries) {
      if (entry.is_directory) continue;
      if (const auto base = storage::parse_segment_name(entry.name, storage::suffix::kLog)) bases.push_back(*base);
    }
    for (std::size_t i = 0; i < bases.size(); ++i) {
      SegmentRebuild rebuild{fs, partition, bases[i],
                             i + 1 < bases.size() ? std::optional{bases[i + 1]} : std::nullopt};
      if (const auto rebuilt = rebuild.run(options, on_file, on_bytes); !rebuilt) return rebuilt;
    }
  }
  return {};
}

}  // namespace sluice::tools
