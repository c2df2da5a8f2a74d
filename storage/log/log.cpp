#include "storage/log/log.hpp"

#include "storage/log/log_state.hpp"

namespace sluice::storage {

Log::Log(LogResources& resources, std::string directory, const LogOptions& options)
    : resources_(resources),
      fs_(resources.fs),
      directory_(std::move(directory)),
      state_(std::make_unique<State>(resources.fs, directory_, options)) {}

// Without close() this is a crash as far as the files are concerned: the next opening scans.
Log::~Log() = default;

void Log::set_options(const LogOptions& options) {
  const std::lock_guard lock{state_->append_mutex};
  state_->options = options;
}

Result<> Log::begin_leader_epoch(LeaderEpoch leader_epoch) {
  const std::lock_guard lock{state_->append_mutex};
  if (is_offline()) return Errc::log_offline;
  state_->epochs.note(leader_epoch, log_end_offset());
  return {};
}

std::string Log::directory() const {
  const std::lock_guard lock{state_->directory_mutex};
  return directory_;
}

LeaderEpoch Log::latest_leader_epoch() const { return state_->epochs.latest(); }

EpochEnd Log::end_of_epoch(LeaderEpoch leader_epoch) const {
  return state_->epochs.end_of(leader_epoch, log_end_offset());
}

LeaderEpoch Log::leader_epoch_at(Offset offset) const { return state_->epochs.epoch_at(offset); }

std::vector<EpochStart> Log::leader_epochs() const { return state_->epochs.entries(); }

std::optional<Offset> Log::first_open_transaction() const {
  const std::lock_guard lock{state_->append_mutex};
  return state_->producers.first_open_transaction();
}

std::uint64_t Log::size_bytes() const {
  std::uint64_t bytes = 0;
  const auto list = state_->segments.list();  // keeps the segments while they are looked at
  for (const auto& segment : *list) bytes += segment->size();
  return bytes;
}

std::size_t Log::segment_count() const { return state_->segments.list()->size(); }

Result<std::vector<SegmentSummary>> Log::segments() const {
  std::vector<SegmentSummary> summaries;
  const auto list = state_->segments.list();  // keeps the segments while they are looked at
  for (const auto& segment : *list) {
    const auto largest = segment->largest_timestamp();
    if (!largest) return largest.error();
    const auto end = segment->end();
    const auto timestamp = largest->timestamp == kNoTimestamp ? segment->created() : largest->timestamp;
    summaries.push_back({segment->base_offset(), end.next_offset, end.size, timestamp});
  }
  return summaries;
}

void Log::take_offline(std::error_code reason) {
  offline_.store(true, std::memory_order_release);
  auto* health = health_.load(std::memory_order_acquire);
  const bool is_of_system = reason.category() == std::system_category() || reason.category() == std::generic_category();
  if (health != nullptr && is_of_system) health->fail(reason);
}

Result<> Log::take_offline_on_error(Result<> result) {
  if (!result) take_offline(result.error());
  return result;
}

}  // namespace sluice::storage
