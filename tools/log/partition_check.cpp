#include "tools/log/partition_check.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "storage/checkpoint/leader_epoch_checkpoint.hpp"
#include "storage/errc.hpp"
#include "storage/integrity/batch_scan.hpp"
#include "storage/segment/segment_name.hpp"
#include "tools/log/dump.hpp"

namespace sluice::tools {
namespace {

constexpr std::size_t kUnpackedBytesMax = std::size_t{1} << 30;

}  // namespace

Outcome<> PartitionCheck::run() {
  const auto entries = fs_.list(directory_);
  if (!entries) return file_failure(directory_, entries.error());
  ++result_.partitions;
  // Without a checkpoint the epochs are only held against each other.
  const auto epochs =
      storage::read_leader_epoch_checkpoint(fs_, storage::join_path(directory_, storage::kLeaderEpochCheckpoint));
  epochs_ = epochs ? storage::LeaderEpochCache{*epochs} : storage::LeaderEpochCache{};
  std::vector<Offset> base_offsets;
  for (const auto& entry : *entries) {
    if (entry.is_directory) continue;
    if (const auto base_offset = storage::parse_segment_name(entry.name, storage::suffix::kLog)) {
      base_offsets.push_back(*base_offset);
    } else {
      check_state_file(entry.name);
    }
  }
  for (std::size_t i = 0; i < base_offsets.size(); ++i) {
    const bool last = i + 1 == base_offsets.size();
    check_log(base_offsets[i], last ? std::nullopt : std::optional{base_offsets[i + 1]});
    check_offset_index(base_offsets[i]);
    check_time_index(base_offsets[i]);
    check_transaction_index(base_offsets[i]);
  }
  return {};
}

void PartitionCheck::check_log(Offset base_offset, std::optional<Offset> next_base) {
  const auto path = storage::segment_path(directory_, base_offset, storage::suffix::kLog);
  ++result_.segments;
  batches_.clear();
  damage_ = {};
  if (base_offset < next_offset_) {
    report(path, fmt::format("begins below offset {}, where the segment before it ends", next_offset_.value()),
           base_offset.value());
  }
  next_offset_ = base_offset;
  const auto file = fs_.open(path, storage::OpenMode::existing_read_only);
  const auto size = file ? (*file)->size() : Result<std::uint64_t>{file.error()};
  if (!size) return report(path, size.error().message());
  if (*size > std::numeric_limits<std::int32_t>::max()) return report(path, "larger than 2 GiB");
  storage::BatchScan scan{**file,
                          {.position = 0,
                           .end = static_cast<std::uint32_t>(*size),
                           .expected = base_offset,
                           .limit = next_base.value_or(Offset{std::numeric_limits<std::int64_t>::max()}),
                           .epochs = &epochs_}};
  while (true) {
    const auto position = scan.position();
    const auto batch = scan.next();
    if (batch && !*batch) break;
    if (batch) {
      check_batch(path, **batch, position);
    } else if (batch.error() != storage::Errc::corrupt_batch || !pass_damage(path, scan)) {
      return report(path, batch.error().message(), scan.next_offset().value(), position);
    }
    on_bytes_(scan.position() - position);
  }
}

// Says what is lost, and goes on behind it; false when the file can't be read on.
bool PartitionCheck::pass_damage(const std::string& path, storage::BatchScan& scan) {
  const auto position = scan.position();
  const auto offset = scan.next_offset();
  const std::string flaw{scan.flaw()};
  const auto range = scan.skip_damage();
  if (!range) return false;
  const bool open_ended = range->next_offset == Offset{std::numeric_limits<std::int64_t>::max()};
  const auto extent =
      fmt::format(": {} bytes{}", range->end_position - position,
                  open_ended ? " to the end of the log"
                             : fmt::format(", readable again from offset {}", range->next_offset.value()));
  report(path, flaw + extent, offset.value(), position);
  damage_ = damage_.with(*range);
  if (!open_ended) next_offset_ = range->next_offset;
  return true;
}

void PartitionCheck::check_batch(const std::string& path, const record::BatchView& batch, std::uint32_t position) {
  ++result_.batches;
  result_.bytes += batch.size();
  result_.missing_offsets += static_cast<std::uint64_t>(batch.base_offset() - next_offset_);
  check_records(path, batch, position);
  batches_.push_back({position, batch.last_offset(), batch.max_timestamp()});
  next_offset_ = batch.next_offset();
}

void PartitionCheck::check_records(const std::string& path, const record::BatchView& batch, std::uint32_t position) {
  const auto wrong = [&](const std::string& what) { report(path, what, batch.base_offset().value(), position); };
  if (const auto started = stream_.start(batch, kUnpackedBytesMax); !started) return wrong(started.error().message());
  std::int32_t previous = -1;
  while (true) {
    const auto record = stream_.next_shape();
    if (!record) return wrong(record.error().message());
    if (!*record) return;
    ++result_.records;
    if ((*record)->offset_delta <= previous || (*record)->offset_delta > batch.last_offset_delta())
      return wrong(fmt::format("a record's offset delta {} is out of order", (*record)->offset_delta));
    previous = (*record)->offset_delta;
  }
}

void PartitionCheck::check_offset_index(Offset base_offset) {
  const auto path = storage::segment_path(directory_, base_offset, storage::suffix::kOffsetIndex);
  const auto content = storage::read_file(fs_, path);
  if (!content) {
    if (content.error() != std::errc::no_such_file_or_directory) report(path, content.error().message());
    return;  // derived, and made again when it is missing
  }
  auto batch = batches_.begin();
  const auto dumped = dump_offset_index(path, base_offset, as_byte_view(*content), [&](const Json& entry) {
    const auto offset = entry["offset"].get<std::int64_t>();
    const auto position = entry["position"].get<std::uint64_t>();
    batch = std::find_if(batch, batches_.end(), [&](const Batch& it) { return it.position >= position; });
    if (damage_.skip(static_cast<std::uint32_t>(position)) != position) return;  // in what is reported already
    if (batch == batches_.end() || batch->position != position) {
      report(path, "entry names a position where no batch begins, or out of order", offset, position);
    } else if (batch->last_offset.value() != offset) {
      report(path, fmt::format("entry names offset {}; the batch there ends at {}", offset, batch->last_offset.value()),
             offset, position);
    }
    if (batch != batches_.end() && batch->position == position) ++batch;
  });
  if (!dumped) report(path, dumped.error().answer);
}

void PartitionCheck::check_time_index(Offset base_offset) {
  const auto path = storage::segment_path(directory_, base_offset, storage::suffix::kTimeIndex);
  const auto content = storage::read_file(fs_, path);
  if (!content) {
    if (content.error() != std::errc::no_such_file_or_directory) report(path, content.error().message());
    return;
  }
  auto batch = batches_.begin();
  auto largest = kNoTimestamp;
  auto previous = kNoTimestamp.value();
  const auto dumped = dump_time_index(path, base_offset, as_byte_view(*content), [&](const Json& entry) {
    const auto timestamp = entry["timestamp"].get<std::int64_t>();
    const auto offset = entry["offset"].get<std::int64_t>();
    if (timestamp <= previous)
      report(path, fmt::format("timestamp {} does not follow {}", timestamp, previous), offset);
    previous = std::max(previous, timestamp);
    for (; batch != batches_.end() && batch->last_offset.value() <= offset; ++batch) {
      largest = std::max(largest, batch->max_timestamp);
    }
    if (!damage_.empty()) return;  // the largest may be in what is lost
    if (largest.value() != timestamp) {
      report(path, fmt::format("entry names timestamp {}; the largest up to there is {}", timestamp, largest.value()),
             offset);
    }
  });
  if (!dumped) report(path, dumped.error().answer);
}

void PartitionCheck::check_transaction_index(Offset base_offset) {
  const auto path = storage::segment_path(directory_, base_offset, storage::suffix::kTransactionIndex);
  const auto content = storage::read_file(fs_, path);
  if (!content) {
    if (content.error() != std::errc::no_such_file_or_directory) report(path, content.error().message());
    return;
  }
  auto previous = base_offset.value() - 1;
  const auto dumped = dump_transaction_index(path, as_byte_view(*content), [&](const Json& entry) {
    const auto first = entry["first_offset"].get<std::int64_t>();
    const auto last = entry["last_offset"].get<std::int64_t>();
    if (last <= previous) report(path, fmt::format("entry ends at offset {}, not after {}", last, previous), last);
    if (first < 0 || first > last) report(path, fmt::format("entry begins at offset {}", first), last);
    if (last >= next_offset_.value()) report(path, "entry ends beyond its segment", last);
    previous = std::max(previous, last);
  });
  if (!dumped) report(path, dumped.error().answer);
}

// Those that a dump can read must be readable; others are none of ours.
void PartitionCheck::check_state_file(const std::string& name) {
  using namespace storage::suffix;
  const bool known = name == "leader-epoch-checkpoint" || name == "partition.metadata" ||
                     storage::parse_segment_name(name, kProducerSnapshot).has_value();
  if (!known) return;
  const auto path = storage::join_path(directory_, name);
  std::int64_t epoch = -1;
  std::int64_t start = -1;
  const auto dumped = dump_file(fs_, path, {}, [&](const Json& item) {
    if (!item.contains("start_offset")) return;
    const auto next_epoch = item["leader_epoch"].get<std::int64_t>();
    const auto next_start = item["start_offset"].get<std::int64_t>();
    if (next_epoch <= epoch || next_start <= start) report(path, "leader epochs do not ascend", next_start);
    epoch = next_epoch;
    start = next_start;
  });
  if (!dumped) report(path, dumped.error().answer);
}

void PartitionCheck::report(std::string file, std::string what, std::optional<std::int64_t> offset,
                            std::optional<std::uint64_t> position) {
  result_.problems.push_back({std::move(file), offset, position, std::move(what)});
}

}  // namespace sluice::tools
