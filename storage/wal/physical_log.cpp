#include "storage/wal/physical_log.hpp"

#include <algorithm>

#include "storage/wal/storage_error.hpp"

namespace sluice::storage::wal {
namespace {

constexpr std::size_t kGroupBytesMax = 1U << 20;
constexpr std::uint32_t kIndexIntervalBytes = 16U << 10;
constexpr std::uint32_t kIndexEntryBytes = 12;  // of the wider index
constexpr Timestamp kNoClock{0};                // segments don't age

LogOptions log_options(const Options& options) {
  return {.segment_bytes = options.segment_bytes,
          .segment_ms = std::chrono::milliseconds::max(),
          .index_interval_bytes = kIndexIntervalBytes,
          .segment_index_bytes = (options.segment_bytes / kIndexIntervalBytes + 16) * kIndexEntryBytes,
          .file_delete_delay_ms = std::chrono::milliseconds{0}};
}

}  // namespace

Result<std::unique_ptr<PhysicalLog>> PhysicalLog::open(LogResources& resources, const std::string& directory,
                                                       const Options& options, OpenReport& report) {
  auto replayed = replay_log(resources.fs, directory);
  if (!replayed) return replayed.error();
  RecoveryReport recovery;
  auto log =
      Log::open(resources, directory, log_options(options), {.recovery_point = replayed->durable_end}, &recovery);
  if (!log) return to_wal_error(log.error());
  if ((*log)->log_end_offset() != replayed->end_offset) return Errc::corrupt;
  // What a process that died left in the page cache may be handed out from now on: it must not vanish later, nor may
  // the names of its files.
  if (const auto synced = (*log)->sync(); !synced) return to_wal_error(synced.error());
  if (const auto synced = resources.fs.sync_directory(directory); !synced) return synced.error();
  if (const auto synced = resources.fs.sync_directory(parent_path(directory)); !synced) return synced.error();
  report.bytes_read += replayed->bytes;
  report.torn_bytes_cut += recovery.tail_bytes_cut;
  return std::unique_ptr<PhysicalLog>{new PhysicalLog{resources, std::move(*log), std::move(*replayed), options}};
}

PhysicalLog::PhysicalLog(LogResources& resources, std::unique_ptr<Log> log, Replayed replayed, const Options& options)
    : resources_(resources),
      segment_bytes_(options.segment_bytes),
      log_(std::move(log)),
      queue_(std::min<std::size_t>(kGroupBytesMax, options.segment_bytes / 2)),
      gate_(*log_),
      units_(std::move(replayed.units)),
      committed_end_(replayed.end_offset),
      position_(replayed.bytes),
      told_synced_(replayed.ends_synced || replayed.bytes == 0) {}

Result<> PhysicalLog::write(std::span<UnitWrite> parts, Durability durability) {
  Request request;
  request.parts = parts;
  request.bytes = record::kBatchHeaderBytes;
  bool empty = true;
  for (auto& part : parts) {
    request.bytes += encoded_bytes_max(part.payloads);
    if (!part.payloads.empty()) empty = false;
  }
  if (request.bytes > segment_bytes_) return Errc::write_too_large;
  if (empty) {
    for (auto& part : parts) part.assigned = {next_sequence(part.unit), next_sequence(part.unit)};
    return {};
  }
  const auto end = submit(request);
  if (!end) return end.error();
  if (durability == Durability::synced) return wait_synced(*end);
  return {};
}

Result<> PhysicalLog::mark_deleted(const Unit& unit, Sequence up_to) {
  const auto known = summary(unit);
  if (up_to >= (known ? known->next : kFirstSequence)) return Errc::out_of_range;
  if (up_to <= (known ? known->deleted_up_to : kNoSequence)) return sync();  // it may be another's, still under way
  const UnitSummary mark{unit, kFirstSequence, up_to};
  Request request;
  request.mark = &mark;
  request.bytes = record::kBatchHeaderBytes + encoded_bytes_max({});
  const auto end = submit(request);
  if (!end) return end.error();
  return wait_synced(*end);
}

Result<> PhysicalLog::sync() { return wait_synced(log_->log_end_offset()); }

Result<> PhysicalLog::wait_synced(Offset end) {
  if (const auto error = gate_.wait(end)) return to_wal_error(error);
  return {};
}

Result<> PhysicalLog::close() {
  if (const auto synced = sync(); !synced) return synced.error();
  if (!told_synced_) {
    Request request;
    request.synced = true;
    request.bytes = record::kBatchHeaderBytes + encoded_bytes_max({});
    if (const auto told = submit(request); !told) return told.error();
  }
  if (const auto closed = log_->close(); !closed) return to_wal_error(closed.error());
  return {};
}

// Returns the log's end after the group that the request was in.
Result<Offset> PhysicalLog::submit(Request& request) {
  queue_.submit(request, [this](const std::vector<Ticket*>& group) { append_group(group); });
  if (request.error) return request.error;
  return request.end;
}

void PhysicalLog::append_group(const std::vector<Ticket*>& group) {
  const auto base_offset = log_->log_end_offset();
  encoder_.begin(base_offset, log_->synced_end_offset());
  changes_.clear();
  {
    const std::lock_guard lock{table_mutex_};
    for (auto* ticket : group) encode(static_cast<Request&>(*ticket));
  }
  // It carries its offset already: this is the log's only writer.
  const auto appended = log_->append_as_follower(encoder_.build(), kNoClock);
  const std::lock_guard lock{table_mutex_};
  if (appended)
    commit(base_offset);
  else
    undo();
  for (auto* ticket : group) {
    auto& request = static_cast<Request&>(*ticket);
    request.end = log_->log_end_offset();
    if (!appended) request.error = to_wal_error(appended.error());
  }
}

void PhysicalLog::encode(Request& request) {
  for (auto& part : request.parts) {
    auto& state = units_.get(part.unit);
    part.assigned = {state.assigned_end, state.assigned_end + part.payloads.size()};
    state.assigned_end = part.assigned.end;
    encoder_.add_entries(part.unit, part.assigned.first, part.payloads);
    changes_.push_back({.state = &state, .kind = RunKind::entries, .entries = part.assigned});
  }
  if (request.mark != nullptr) {
    encoder_.add_mark(request.mark->unit, request.mark->deleted_up_to);
    changes_.push_back({.state = &units_.get(request.mark->unit),
                        .kind = RunKind::mark,
                        .deleted_up_to = request.mark->deleted_up_to});
  }
  for (const auto& unit : request.carried) {
    auto& state = units_.get(unit);
    encoder_.add_carried(unit, state.assigned_end, state.deleted_up_to);
    changes_.push_back({.state = &state,
                        .kind = RunKind::carried,
                        .entries = {state.assigned_end, state.assigned_end},
                        .deleted_up_to = state.deleted_up_to});
  }
  if (request.synced) encoder_.add_synced();
}

void PhysicalLog::commit(Offset base_offset) {
  for (const auto& change : changes_) {
    switch (change.kind) {
      case RunKind::entries: units_.on_entries(*change.state, change.entries, base_offset, position_); break;
      case RunKind::mark: units_.on_mark(*change.state, change.deleted_up_to, base_offset); break;
      case RunKind::carried:
        units_.on_carried(*change.state, change.entries.end, change.deleted_up_to, base_offset);
        break;
      case RunKind::synced: break;
    }
  }
  position_ += encoder_.bytes();
  committed_end_ = log_->log_end_offset();
  told_synced_ = false;
}

void PhysicalLog::undo() {
  for (const auto& change : changes_) change.state->assigned_end = change.state->next;
}

PhysicalLog::Range PhysicalLog::whole_range() const {
  const std::lock_guard lock{table_mutex_};
  return {units_.first_live_offset().value_or(committed_end_), committed_end_};
}

PhysicalLog::Range PhysicalLog::range_of(const Unit& unit, Sequence from) const {
  const std::lock_guard lock{table_mutex_};
  return {units_.floor_offset(unit, from).value_or(committed_end_), committed_end_};
}

std::optional<UnitSummary> PhysicalLog::summary(const Unit& unit) const {
  const std::lock_guard lock{table_mutex_};
  const auto* state = units_.find(unit);
  if (state == nullptr) return std::nullopt;
  return UnitSummary{unit, state->next, state->deleted_up_to};
}

Sequence PhysicalLog::next_sequence(const Unit& unit) const {
  const auto known = summary(unit);
  return known ? known->next : kFirstSequence;
}

std::vector<UnitSummary> PhysicalLog::summaries() const {
  const std::lock_guard lock{table_mutex_};
  return units_.summaries();
}

}  // namespace sluice::storage::wal
