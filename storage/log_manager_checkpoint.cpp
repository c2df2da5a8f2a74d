#include <algorithm>
#include <functional>

#include "storage/log_manager_state.hpp"

// What a recovery would begin from, written down now and then.

namespace sluice::storage {
namespace {

/// The offsets of one directory, as its three files have them.
struct Offsets {
  OffsetCheckpoint recovery_points;
  OffsetCheckpoint log_starts;
  OffsetCheckpoint high_watermarks;
};

/// Log starts first: deleted records count as synced, so a recovery point without its log start claims too much.
Result<> write(DataDirectory& directory, const Offsets& offsets) {
  if (const auto done = directory.write_checkpoint(kLogStartCheckpoint, offsets.log_starts); !done) return done;
  if (const auto done = directory.write_checkpoint(kRecoveryPointCheckpoint, offsets.recovery_points); !done)
    return done;
  return directory.write_checkpoint(kHighWatermarkCheckpoint, offsets.high_watermarks);
}

std::uint64_t mix(std::uint64_t value) noexcept {
  value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93U;
  return value ^ (value >> 32);
}

}  // namespace

// Of all logs of each directory, whatever the order: with very many idle ones, formatting and writing what has not
// changed would be most of an idle broker's work.
std::vector<std::uint64_t> LogManager::fingerprints(const HighWatermarkOf& high_watermark_of) const {
  std::vector<std::uint64_t> sums(state_->directories.size(), 1);
  const std::lock_guard lock{state_->mutex};
  for (const auto& [partition, held] : state_->logs) {
    auto value = mix(std::hash<TopicPartition>{}(partition));
    value = mix(value + static_cast<std::uint64_t>(held.log->synced_end_offset().value()));
    value = mix(value + static_cast<std::uint64_t>(held.log->log_start_offset().value()));
    const auto high_watermark = high_watermark_of ? high_watermark_of(partition) : std::nullopt;
    value = mix(value + static_cast<std::uint64_t>(high_watermark.value_or(kNoOffset).value()));
    sums[held.directory] += value;
  }
  return sums;
}

Result<> LogManager::checkpoint(const HighWatermarkOf& high_watermark_of) {
  const std::lock_guard one_at_a_time{state_->checkpoint_mutex};
  const auto now = fingerprints(high_watermark_of);
  if (now == state_->checkpointed) return {};
  std::vector<Offsets> all(state_->directories.size());
  const auto logs = state_->snapshot();
  for (const auto& [partition, held] : logs) {
    auto& offsets = all[held.directory];
    offsets.recovery_points[partition] = held.log->recovery_point();
    offsets.log_starts[partition] = held.log->log_start_offset();
    const auto high_watermark = high_watermark_of ? high_watermark_of(partition) : std::nullopt;
    if (high_watermark) offsets.high_watermarks[partition] = *high_watermark;
  }
  // In both directories: a crash decides which it is in.
  for (const auto& moving : moves()) {
    const auto to = find_directory(moving.directory);
    if (!to) continue;
    all[*to].recovery_points[moving.partition] = moving.log->recovery_point();
    all[*to].log_starts[moving.partition] = moving.log->log_start_offset();
  }
  for (const auto& unopened : state_->unopened_snapshot()) {
    all[unopened.directory].recovery_points[unopened.partition] = unopened.recovery_point;
    all[unopened.directory].log_starts[unopened.partition] = unopened.log_start_offset;
  }
  Result<> result;
  std::vector<bool> tried(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!state_->is_online(i) || (i < state_->checkpointed.size() && state_->checkpointed[i] == now[i])) continue;
    tried[i] = true;
    const auto written = write(state_->directories[i], all[i]);
    if (!written && result) result = written;  // the others are written all the same
  }
  for (const auto& [partition, held] : logs) {
    if (!tried[held.directory]) continue;
    const auto point = all[held.directory].recovery_points[partition];
    // What could not be written may be there all the same.
    held.log->recovery_point_was_stored(result ? point : std::max(point, held.log->stored_recovery_point()));
  }
  if (result) state_->checkpointed = now;
  return result;
}

// What is written of the others stays. A move's copy is begun from its own directory's.
Result<> LogManager::lower_recovery_point(const TopicPartition& partition, Offset offset) {
  const auto log = find(partition);
  if (!log) return {};
  log->announce_cut(offset);
  const std::lock_guard one_at_a_time{state_->checkpoint_mutex};
  if (log->stored_recovery_point() <= offset) return {};
  std::vector<std::string> places{directory_of(partition)};
  for (const auto& moving : moves()) {
    if (moving.partition == partition) places.push_back(moving.directory);
  }
  for (const auto& place : places) {
    const auto index = find_directory(place);
    if (!index) return index.error();
    auto& directory = state_->directories[*index];
    auto points = directory.read_checkpoint(kRecoveryPointCheckpoint);
    if (!points) return points.error();
    auto& point = (*points)[partition];
    point = std::min(point, offset);
    if (const auto written = directory.write_checkpoint(kRecoveryPointCheckpoint, *points); !written)
      return written.error();
  }
  state_->checkpointed.clear();
  log->recovery_point_was_stored(offset);
  return {};
}

std::optional<Offset> LogManager::checkpointed_high_watermark(const TopicPartition& partition) const {
  const auto found = state_->checkpointed_high_watermarks.find(partition);
  if (found == state_->checkpointed_high_watermarks.end()) return std::nullopt;
  return found->second;
}

}  // namespace sluice::storage
