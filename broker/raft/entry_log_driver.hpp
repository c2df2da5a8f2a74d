#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/raft/raft_types.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/batch_builder.hpp"
#include "storage/log/log.hpp"

namespace sluice::broker::raft {

/// Nothing goes by its age, only by what snapshots cover.
inline constexpr storage::LogOptions kEntryLogOptions{.segment_bytes = 256U << 20,
                                                      .segment_ms = std::chrono::hours{24 * 365 * 10},
                                                      .segment_index_bytes = 1U << 20,
                                                      .file_delete_delay_ms = std::chrono::milliseconds{0}};

/// The entries of one server on disk: a storage::Log whose offsets are the indexes, from 1 on, and whose leader epochs
/// are the terms. A record is an entry in the form of raft_message.proto, a write one record batch: a crash leaves all
/// or nothing of it.
///
/// Threading: one writer; readers from any thread.
/// Errors: of storage; bad_message where an entry is not what was written, or not one of ours.
class EntryLog {
 public:
  /// Pre: the directory above is there, and durable.
  static Result<std::unique_ptr<EntryLog>> open(storage::FileSystem& fs, const std::string& directory, Timestamp now,
                                                const storage::LogOptions& options = kEntryLogOptions);

  LogIndex first_index() const;  ///< last_index() + 1 when there is none
  LogIndex last_index() const;
  /// Of an entry in the log, and where it is known of earlier ones; nullopt elsewhere.
  std::optional<Term> term(LogIndex index) const;
  /// From `first` on, below `end`: at least one, and no more than bytes_max where that is more than one.
  Result<std::vector<Entry>> entries(LogIndex first, LogIndex end, std::size_t bytes_max) const;

  /// Puts them in place of whatever the log has from the first one's index on. Durable when it returns.
  /// Pre: they follow each other; the first at first_index() - 1 < index <= last_index() + 1.
  Result<> write(std::vector<Entry> entries, Timestamp now);
  /// Forgets everything; the next entry is `first`. Durable when it returns.
  Result<> restart_at(LogIndex first);
  /// Entries below `first` are no longer needed: whole files of them go.
  Result<> drop_before(LogIndex first, Timestamp now);
  /// Everything is durable, and the next opening has little to do.
  Result<> close();

 private:
  struct Run {
    LogIndex first;
    Term term;
  };

  enum class Trust { none, as_closed };

  explicit EntryLog(storage::FileSystem& fs) : resources_(fs) {}
  static Result<std::unique_ptr<EntryLog>> open(storage::FileSystem& fs, const std::string& directory, Timestamp now,
                                                const storage::LogOptions& options, Trust trust);
  Result<> finish_cut(Timestamp now);
  Result<> load();
  Result<std::vector<Entry>> read(LogIndex first, std::size_t bytes_max) const;
  Result<> cut_from(LogIndex index, Timestamp now);
  Result<> append(std::vector<Entry> entries, Timestamp now);
  Result<> append_run(std::vector<Entry> run, Timestamp now);
  Result<> write_batch(const std::vector<Entry>& run, Timestamp now);
  void remember(std::vector<Entry> run);
  void forget_from(LogIndex index);

  storage::LogResources resources_;
  std::unique_ptr<storage::Log> log_;
  record::BatchBuilder builder_;  // the writer's

  mutable std::mutex cut_mutex_;  // before mutex_: what is being read is not cut meanwhile
  mutable std::mutex mutex_;      // all below
  LogIndex first_{1};
  LogIndex last_;
  std::vector<Run> runs_;     // ascending
  std::deque<Entry> latest_;  // up to last_, as many as kCacheBytes hold
  std::size_t latest_bytes_ = 0;
};

}  // namespace sluice::broker::raft
