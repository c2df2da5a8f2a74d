#include "broker/controller/metadata_log_driver.hpp"

#include <spdlog/spdlog.h>

#include "protocol/base/assert.hpp"
#include "protocol/record/record.hpp"
#include "storage/errc.hpp"

namespace sluice::broker::controller {
namespace {

constexpr std::size_t kReadBytes = 4U << 20;
constexpr LeaderEpoch kSoleLeaderEpoch{0};

Result<> replay_batch(const record::BatchView& batch, const MetadataLog::Replay& replay) {
  record::RecordWalker walker{batch.records(), batch.record_count()};
  while (true) {
    const auto next = walker.next();
    if (!next) return next.error();
    if (!next->has_value()) return {};
    const auto offset = batch.base_offset() + (*next)->offset_delta;
    const auto decoded = (*next)->value ? decode(*(*next)->value) : std::nullopt;
    if (!decoded) {
      spdlog::error("metadata record not understood; was it written by a newer version? offset={}", offset.value());
      return std::make_error_code(std::errc::bad_message);
    }
    replay(*decoded, offset);
  }
}

/// A synced file is lost with its directory, when nobody synced that and the one above.
Result<> make_durable(storage::FileSystem& fs, const std::string& directory) {
  if (auto synced = fs.sync_directory(directory); !synced) return synced;
  const auto slash = directory.rfind('/');
  return slash == std::string::npos || slash == 0 ? Result<>{} : fs.sync_directory(directory.substr(0, slash));
}

}  // namespace

Result<std::unique_ptr<MetadataLog>> MetadataLog::open(storage::FileSystem& fs, const std::string& directory,
                                                       Timestamp now, const Replay& replay) {
  if (auto made = fs.create_directories(directory); !made) return made.error();
  storage::LogOpening opening;
  opening.now = now;  // recovery point 0: every batch is checked, which for a log of metadata costs little
  opening.synced_one_by_one = true;
  storage::RecoveryReport report;
  std::unique_ptr<MetadataLog> metadata{new MetadataLog{fs}};
  auto log = storage::Log::open(metadata->resources_, directory, {}, opening, &report);
  if (!log) {
    if (log.error() == storage::Errc::corrupt_batch) {
      spdlog::critical("metadata log is damaged in its middle; it is left as it is directory={}", directory);
    }
    return log.error();
  }
  // What the last process wrote and did not sync is acted upon from here on, and precedes the next append.
  if (auto synced = (*log)->sync(); !synced) return synced.error();
  if (auto durable = make_durable(fs, directory); !durable) return durable.error();
  if (report.tail_bytes_cut != 0) {
    spdlog::warn("metadata log had a torn tail; cut it directory={} bytes={}", directory, report.tail_bytes_cut);
  }
  metadata->log_ = std::move(*log);
  if (auto replayed = metadata->replay_all(replay); !replayed) return replayed.error();
  return metadata;
}

Result<> MetadataLog::replay_all(const Replay& replay) const {
  std::vector<std::byte> bytes;
  auto from = log_->log_start_offset();
  while (from < log_->log_end_offset()) {
    const auto slice = log_->read(from, kReadBytes, log_->log_end_offset(), true);
    if (!slice) return slice.error();
    bytes.resize(slice->size);
    if (auto read = slice->read(bytes); !read) return read.error();
    record::BatchWalker walker{bytes};
    while (const auto batch = walker.next()) {
      if (auto replayed = replay_batch(*batch, replay); !replayed) return replayed.error();
    }
    if (slice->next_offset <= from) return std::make_error_code(std::errc::bad_message);
    from = slice->next_offset;
  }
  return {};
}

Result<> MetadataLog::append(std::span<const MetadataRecord> records, Timestamp now) {
  builder_.reset({});
  for (const auto& one : records) {
    const auto value = encode(one);
    builder_.append({.timestamp = now, .value = as_byte_view(value)});
  }
  const auto built = builder_.build();
  batch_.assign(built.begin(), built.end());
  const auto batch = record::MutableBatch::parse(batch_);
  SLUICE_ASSERT(batch.has_value(), batch_.size());
  if (auto appended = log_->append(*batch, kSoleLeaderEpoch, now); !appended) return appended.error();
  if (auto synced = log_->sync(); !synced) return synced.error();
  return {};
}

}  // namespace sluice::broker::controller
