#include "storage/wal/wal.hpp"

#include <algorithm>
#include <map>
#include <shared_mutex>

#include "storage/checkpoint/directory_lock.hpp"
#include "storage/wal/layout.hpp"
#include "storage/wal/physical_log.hpp"
#include "storage/wal/reader.hpp"
#include "storage/wal/storage_error.hpp"

namespace sluice::storage::wal {
namespace {

constexpr std::uint32_t kSegmentBytesMin = 4096;
constexpr std::uint32_t kSegmentBytesMax = 1U << 30;

}  // namespace

/// The physical logs of a directory by the unit that stands for each (Layout). They come with the first write.
struct Wal::State {
  State(FileSystem& files, std::string path, const Options& given)
      : fs(files), resources(files), directory(std::move(path)), options(given) {
    options.segment_bytes = std::clamp(options.segment_bytes, kSegmentBytesMin, kSegmentBytesMax);
  }

  FileSystem& fs;
  LogResources resources;
  const std::string directory;
  Options options;
  std::optional<DirectoryLock> lock;

  mutable std::shared_mutex mutex;  // guards the map; logs stay until the end
  std::map<Unit, std::unique_ptr<PhysicalLog>> logs;

  Result<> open_logs(OpenReport& report);

  PhysicalLog* find(const Unit& unit) const {
    const std::shared_lock guard{mutex};
    const auto found = logs.find(log_of(options.layout, unit));
    return found == logs.end() ? nullptr : found->second.get();
  }

  Result<PhysicalLog*> get(const Unit& unit) {
    if (auto* log = find(unit)) return log;
    const auto key = log_of(options.layout, unit);
    const std::unique_lock guard{mutex};
    auto& slot = logs[key];
    if (!slot) {
      OpenReport unread;
      auto opened = PhysicalLog::open(resources, join_path(directory, log_name(options.layout, key)), options, unread);
      if (!opened) {
        logs.erase(key);
        return opened.error();
      }
      slot = std::move(*opened);
    }
    return slot.get();
  }

  std::vector<PhysicalLog*> all() const {
    const std::shared_lock guard{mutex};
    std::vector<PhysicalLog*> found;
    for (const auto& [key, log] : logs) found.push_back(log.get());
    return found;
  }
};

Result<> Wal::State::open_logs(OpenReport& report) {
  const auto entries = fs.list(directory);
  if (!entries) return entries.error();
  for (const auto& entry : *entries) {
    const auto key = entry.is_directory ? parse_log_name(options.layout, entry.name) : std::nullopt;
    if (!key) continue;
    auto log = PhysicalLog::open(resources, join_path(directory, entry.name), options, report);
    if (!log) return log.error();
    logs[*key] = std::move(*log);
  }
  return {};
}

Wal::Wal(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Wal::~Wal() = default;

Result<std::unique_ptr<Wal>> Wal::open(const std::string& directory, const Options& options, OpenReport* report) {
  OpenReport unread;
  auto& fs = options.file_system ? *options.file_system : posix_file_system();
  auto state = std::make_unique<State>(fs, directory, options);
  if (const auto made = make_directory(fs, directory); !made) return made.error();
  if (!options.file_system) {
    auto lock = DirectoryLock::acquire(directory);
    if (!lock) return to_wal_error(lock.error());
    state->lock = std::move(*lock);
  }
  if (const auto same = settle_layout(fs, directory, options.layout); !same) return same.error();
  if (const auto opened = state->open_logs(report ? *report : unread); !opened) return opened.error();
  return std::unique_ptr<Wal>{new Wal{std::move(state)}};
}

Result<SequenceRange> Wal::write(const Unit& unit, std::span<const ByteView> payloads, Durability durability) {
  UnitWrite part{unit, payloads};
  if (const auto written = write_batch({&part, 1}, durability); !written) return written.error();
  return part.assigned;
}

Result<Sequence> Wal::write_one(const Unit& unit, ByteView payload, Durability durability) {
  const auto written = write(unit, {&payload, 1}, durability);
  if (!written) return written.error();
  return written->first;
}

Result<> Wal::write_batch(std::span<UnitWrite> parts, Durability durability) {
  if (parts.empty()) return {};
  const auto key = log_of(state_->options.layout, parts.front().unit);
  for (const auto& part : parts) {
    if (log_of(state_->options.layout, part.unit) != key) return Errc::several_logs;
  }
  const auto log = state_->get(key);
  if (!log) return log.error();
  return (*log)->write(parts, durability);
}

Result<> Wal::sync() {
  for (auto* log : state_->all()) {
    if (const auto synced = log->sync(); !synced) return synced.error();
  }
  return {};
}

Reader Wal::read(const Unit& unit, Sequence from, Sequence end) const {
  auto reader = std::make_unique<Reader::State>();
  if (const auto* log = state_->find(unit); log != nullptr && from < end) {
    const auto known = log->summary(unit);
    reader->unit = unit;
    reader->wanted = {std::max(from, (known ? known->deleted_up_to : kNoSequence) + 1), end};
    reader->sources.push_back({log, log->range_of(unit, reader->wanted.first)});
  }
  return Reader{std::move(reader)};
}

Reader Wal::scan() const {
  auto reader = std::make_unique<Reader::State>();
  for (const auto* log : state_->all()) {
    for (const auto& summary : log->summaries()) {
      if (summary.deleted_up_to > kNoSequence) reader->deleted.push_back(summary);
    }
    reader->sources.push_back({log, log->whole_range()});
  }
  std::sort(reader->deleted.begin(), reader->deleted.end(),
            [](const UnitSummary& left, const UnitSummary& right) { return left.unit < right.unit; });
  return Reader{std::move(reader)};
}

std::vector<UnitSummary> Wal::units() const {
  std::vector<UnitSummary> all;
  for (const auto* log : state_->all()) {
    const auto summaries = log->summaries();
    all.insert(all.end(), summaries.begin(), summaries.end());
  }
  std::sort(all.begin(), all.end(),
            [](const UnitSummary& left, const UnitSummary& right) { return left.unit < right.unit; });
  return all;
}

Sequence Wal::next_sequence(const Unit& unit) const {
  const auto* log = state_->find(unit);
  return log ? log->next_sequence(unit) : kFirstSequence;
}

Result<> Wal::mark_deleted(const Unit& unit, Sequence up_to) {
  auto* log = state_->find(unit);
  if (log == nullptr) return Errc::out_of_range;
  return log->mark_deleted(unit, up_to);
}

Result<std::uint64_t> Wal::reclaim() {
  std::uint64_t freed = 0;
  for (auto* log : state_->all()) {
    const auto part = log->reclaim();
    if (!part) return part.error();
    freed += *part;
  }
  return freed;
}

std::uint64_t Wal::size_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto* log : state_->all()) bytes += log->log().size_bytes();
  return bytes;
}

Result<> Wal::close() {
  for (auto* log : state_->all()) {
    if (const auto closed = log->close(); !closed) return closed.error();
  }
  return {};
}

}  // namespace sluice::storage::wal
